"""raytrain: from the raw folder of a segmentation competition to a scored leaderboard entry."""

import os

__version__ = "0.1.0"

# Set before these libraries are imported anywhere: albumentations checks online for a newer
# version, and onnxruntime sends telemetry, unless the environment disables it.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
