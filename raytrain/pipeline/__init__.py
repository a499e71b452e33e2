"""The stations of the pipeline, one file each; `run.py` chains them."""
