"""Augmentation of whole batches where they stand, on a device: the same presets and ranges as
`data/augment.py`, one sampling for all that moves in a row."""
