"""The run directory: the location of each file, and how it is written and read."""
