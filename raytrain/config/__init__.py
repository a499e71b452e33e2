"""Typed specs, YAML loading, overrides, search spaces and error texts.

Nothing here imports torch or ray. Every other subpackage may import this one.
"""
