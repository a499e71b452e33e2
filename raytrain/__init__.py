"""raytrain: from the raw folder of a segmentation competition to a scored leaderboard entry.

import raytrain as rt

job = rt.load_job("jobs/cardiac.yaml")
result = rt.run(job)
print(result.score, result.interval)
"""

import os
import sys
from types import ModuleType
from typing import Any

from raytrain.interface import (
    check,
    evaluate,
    init,
    load_job,
    predict,
    preview,
    report,
    run,
    search,
    submit,
    suspects,
    train,
)

__all__ = [
    "check", "evaluate", "init", "load_job", "predict", "preview", "report", "run", "search",
    "submit", "suspects", "train",
]  # fmt: skip

__version__ = "0.1.0"

# Set before these libraries are imported anywhere: albumentations checks online for a newer
# version, and onnxruntime sends telemetry, unless the environment disables it.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


class _Package(ModuleType):
    """Keeps `raytrain.search` a function. Python sets each imported submodule as an attribute of
    its package, so the import of the folder `search` would replace the function."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
