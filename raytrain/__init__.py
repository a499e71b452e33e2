"""raytrain: from the raw folder of a segmentation competition to a scored leaderboard entry."""

import os

__version__ = "0.1.0"

# Before these libraries are imported anywhere: albumentations asks for its newest version, and
# onnxruntime sends events to its maker, unless the environment says not to.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
