"""The files of a competition's folder, by the meaning of their suffixes."""

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from raytrain.data.patterns import SIDE_FILE

PICTURES = {
    ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".dcm", ".jp2", ".pgm",
    ".ppm",
}  # fmt: skip

_MASKS = (
    "masks?", "labels?", "seg", "segm", "segmentations?", "segmentationclass", "groundtruths?",
    "gt", "gts", "truth", "annotations?", "annots?", "anno", "annotated", "targets?", "mattes?",
    "manual", "rois?",
)  # fmt: skip
_IMAGES = (
    "images?", "imgs?", "originals?", "jpegimages", "inputs?", "pictures?", "photos?", "scans?",
    "frames?",
)  # fmt: skip
SPLIT_WORDS = {
    "train": re.compile(r"train(?:ing)?|trn|tr", re.IGNORECASE),
    "val": re.compile(r"val(?:id(?:ation)?)?|dev|vl", re.IGNORECASE),
    "test": re.compile(r"test(?:ing)?|eval(?:uation)?|ts", re.IGNORECASE),
}
NO_TEST = {"unlabeled", "unlabelled", "extra", "pseudo", "external", "background"}
"""Words in the names of images that are neither training nor test images."""
_MASK_WORD = re.compile(f"(?:{'|'.join(_MASKS)})[0-9]*", re.IGNORECASE)
_IMAGE_WORD = re.compile(f"(?:{'|'.join(_IMAGES)})", re.IGNORECASE)


@dataclass(frozen=True)
class File:
    """One file, named by its address relative to the competition's folder."""

    address: str
    folders: tuple[str, ...]
    stem: str
    suffix: str
    """The suffix in lower case, with the dot."""


def listed(root: Path) -> list[File]:
    """Return every file below `root`, sorted by name, except hidden files and side files of
    macOS."""
    found = []
    for folder, below, names in os.walk(root, followlinks=True):
        below[:] = sorted(name for name in below if not name.startswith((".", "__MACOSX")))
        parts = Path(folder).relative_to(root).parts
        found += [
            as_file("/".join((*parts, name)))
            for name in sorted(names)
            if not name.startswith((SIDE_FILE, "."))
        ]
    return found


def as_file(address: str) -> File:
    """Return the file of an address relative to the competition's folder."""
    path = PurePosixPath(address)
    return File(address, path.parent.parts, path.stem, path.suffix.lower())


GLUED = r"(?i:images?|imgs?|masks?|labels?|gts?|annotations?|data)"
"""Words that may follow the word of a split directly, as in `trainimages`."""


def words_of(text: str) -> list[str]:
    """Return the words of a path, in lower case: `Ground Truth/a_Mask` has four."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    apart = re.sub(rf"(?i:(train|val|test))(?={GLUED}(?![a-z]))", r"\1 ", text)
    words = re.findall(r"[A-Za-z]+[0-9]*", f"{text} {spaced} {apart}")
    return [*dict.fromkeys(word.lower() for word in words)]


def names_masks(text: str) -> bool:
    """Return whether the name of a folder or file says that it holds masks."""
    words = words_of(text)
    return any(_MASK_WORD.fullmatch(word) for word in words) or {"ground", "truth"} <= {*words}


def names_images(text: str) -> bool:
    """Return whether the name of a folder or file says that it holds images."""
    return any(_IMAGE_WORD.fullmatch(word) for word in words_of(text))


def split_of(text: str) -> str | None:
    """Return train, val or test if the words of a path name exactly one split, else None."""
    found = {
        split
        for split, word in SPLIT_WORDS.items()
        if any(word.fullmatch(each.rstrip("0123456789")) for each in words_of(text))
    }
    return found.pop() if len(found) == 1 else None


def split_of_file(file: File) -> str | None:
    """Return the split that a file's name says, or else its folders; None if they say none."""
    return split_of(file.stem) or split_of("/".join(file.folders))
