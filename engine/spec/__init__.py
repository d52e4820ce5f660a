"""Specifications: the written form, its checks, and the immutable indexed net it is compiled to."""
