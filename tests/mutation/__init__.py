"""Mutation tests of the kernel: are its tests able to fail?"""
