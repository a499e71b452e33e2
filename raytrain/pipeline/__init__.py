"""The stations of the line, one file each, and `run.py` that chains them."""
