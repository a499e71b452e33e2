"""Augmentation of whole batches on a device, with the presets and ranges of `data/augment.py`.
Consecutive geometric transforms are combined into one resampling."""
