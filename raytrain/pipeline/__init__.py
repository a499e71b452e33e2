"""The stations of the pipeline, one file each, and `run.py`, which chains them."""
