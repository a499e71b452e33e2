"""Infer the dialect of a competition from the sample, the training table and the images."""
