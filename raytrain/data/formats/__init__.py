"""Data formats, one file each. A format turns its spec and a folder into an Index."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from raytrain.data.formats.paired_folders import index_paired_folders
from raytrain.data.index import Index

FORMATS: dict[str, Callable[[Any, Path], Index]] = {
    "paired_folders": index_paired_folders,
}
