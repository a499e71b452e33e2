"""Competition data, from folder to batches: formats, checks, folds, cache, augmentation."""
