"""raytrain: from the raw folder of a segmentation competition to a scored leaderboard entry."""

__version__ = "0.1.0"
