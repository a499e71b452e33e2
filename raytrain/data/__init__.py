"""From a competition's folder to batches: formats, checks, folds, cache, augmentation, Dataset."""
