"""The workflow engine: a pure kernel, its specification language and the ports of its store."""
