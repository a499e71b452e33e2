"""The words of raytrain: typed specs, YAML loading, overrides, search spaces and error texts.

Nothing here imports torch or ray; every other room may import this one.
"""
