"""Competition data, from the folder to batches: formats, checks, folds, cache, augmentation,
Dataset."""
