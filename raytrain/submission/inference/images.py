"""The image files whose names the rows contain."""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from raytrain.data.decode import decode_image
from raytrain.data.index import natural_key
from raytrain.data.patterns import SIDE_FILE
from raytrain.rle.guess import Size

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".npy", ".dcm")
MASK_WORDS = ("mask", "label", "truth", "annotation")


@dataclass(frozen=True)
class Images:
    """The image files of a folder, by name without suffix."""

    folder: Path
    paths: dict[str, list[Path]]
    """Name -> paths relative to the folder. There are several if folders hold files of the same
    name."""

    def size(self, name: str) -> Size | None:
        """Return (H, W) of an image, or None if there is no such image. Raises ValueError when the
        image is unreadable."""
        return _size(self.folder / self.paths[name][0]) if name in self.paths else None

    def pattern(self, names: set[str]) -> str | None:
        """Return the pattern of these images' paths with `{name}` in it, or None if they have no
        common pattern."""
        kinds = Counter(
            (path.parent, path.suffix.lower())
            for name in names
            for path in self.paths.get(name, [])
        )
        whole = [kind for kind, count in kinds.items() if count == len(names & self.paths.keys())]
        if not whole:
            return None
        parent, suffix = min(whole, key=lambda kind: _looks_like_masks(kind[0]))
        return (parent / f"{{name}}{suffix}").as_posix()


def list_images(folder: Path) -> Images:
    """Return all image files below a folder. Raises ValueError when there are none."""
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; correct --images")
    paths: dict[str, list[Path]] = {}
    found = [
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(SIDE_FILE)
    ]
    for path in sorted(found, key=lambda path: (_looks_like_masks(path), natural_key(str(path)))):
        paths.setdefault(path.stem, []).append(path)
    if not paths:
        raise ValueError(
            f"{folder}: contains no image file ({', '.join(SUFFIXES)}); give the folder of the "
            "images that the rows name (--images)"
        )
    return Images(folder, paths)


def _looks_like_masks(path: Path) -> bool:
    return any(word in part.lower() for part in path.parts for word in MASK_WORDS)


@lru_cache(maxsize=4096)
def _size(path: Path) -> Size:
    height, width = decode_image(path).shape[:2]
    return height, width
