"""The run directory: the location of each artifact, and how it is written and read."""
