"""Ensembles: from trained members to masks, with scores and predictions."""
