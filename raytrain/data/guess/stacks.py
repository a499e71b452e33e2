"""Stacks: files that hold many images each, as `.npy` arrays or TIFF files with many pages."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tifffile

from raytrain.data.guess.files import File, names_images, names_masks, split_of
from raytrain.data.guess.meaning import Meaning
from raytrain.data.guess.said import Said
from raytrain.data.guess.split_rule import Patterns, Together, together

LOOKED = 5
"""Number of images of a stack that are looked at."""


@dataclass(frozen=True)
class Stack:
    """One file that holds many images or masks."""

    file: File
    shape: tuple[int, ...]
    dtype: str
    few: bool
    """Whether the images hold few different values, as masks do."""


@dataclass(frozen=True)
class StackLayout:
    """The stacks of images and their masks, with the splits."""

    patterns: Together
    masks: tuple[Stack, ...]
    images: Stack
    """One stack of images that have masks, as an example."""


@dataclass
class Channels:
    """What the channels of some masks hold: a class each, or something else."""

    classes: int = 0
    """Number of channels, if each is a class: all hold 0 and one other value."""
    whole: bool = True
    """Whether each pixel belongs to exactly one channel."""
    other: bool = False

    def count(self, mask: np.ndarray) -> None:
        """Add one mask, H x W or H x W x K."""
        several = mask.ndim == 3 and mask.shape[2] > 1
        self.other |= not several or len(np.unique(mask[mask != 0])) > 1 or _is_color(mask)
        self.classes = 0 if self.other else mask.shape[2]
        self.whole &= not self.other and bool(((mask != 0).sum(axis=2) == 1).all())

    def said(self, meant: Meaning) -> Meaning:
        """Return the meaning, with a word on the background if a channel may hold it."""
        if not (self.classes and self.whole):
            return meant
        why = f"{meant.classes.why}\nthe classes cover each pixel, so one may be the background"
        return replace(meant, classes=Said(meant.classes.value, why))


def _is_color(mask_HWK: np.ndarray) -> bool:
    return mask_HWK.shape[2] == 3 and bool(mask_HWK.max() > 1)


def stacks_in(root: Path, files: list[File]) -> list[Stack]:
    """Return the files with many images each among these files."""
    found = [_stack(root, file) for file in files if file.suffix in (".npy", ".tif", ".tiff")]
    return [stack for stack in found if stack is not None]


def _stack(root: Path, file: File) -> Stack | None:
    path = root / file.address
    try:
        if file.suffix == ".npy":
            array = np.load(path, mmap_mode="r", allow_pickle=False)
            if array.ndim not in (3, 4) or (array.ndim == 3 and array.shape[2] <= 4):
                return None  # one picture
            shape, dtype, planes = array.shape, array.dtype, array.__getitem__
        else:
            with tifffile.TiffFile(path) as opened:
                pages = opened.pages
                if len(pages) < 2:
                    return None
                shape, dtype = (len(pages), *pages[0].shape), pages[0].dtype
            planes = _pages(path)
        places = np.linspace(0, shape[0] - 1, min(LOOKED, shape[0])).astype(int).tolist()
        values = np.unique(np.concatenate([np.unique(planes(place)) for place in places]))
    except Exception:  # damaged files cause errors of nearly every type; `check` names them
        return None
    whole = bool((values == np.floor(values)).all())
    return Stack(file, tuple(map(int, shape)), str(dtype), whole and len(values) <= 32)


def _pages(path: Path) -> Callable[[int], np.ndarray]:
    return lambda place: tifffile.imread(path, key=place)


def planes_of(root: Path, stack: Stack) -> Callable[[int], np.ndarray]:
    """Return a function from a position in a stack to the image or mask (an array) at it."""
    path = root / stack.file.address
    if stack.file.suffix != ".npy":
        return _pages(path)
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    return lambda place: np.asarray(array[place])


def stack_layout(stacks: list[Stack]) -> StackLayout | None:
    """Return the stacks of images with their masks and splits, or None if there are none."""
    masks = [stack for stack in stacks if _is_mask(stack)]
    images = [stack for stack in stacks if stack not in masks]
    of: dict[str, Patterns] = {}
    labels, labeled = [], []
    for mask in masks:
        fitting = [
            each
            for each in images
            if each.shape[:3] == mask.shape[:3]
            and split_of(each.file.address) == split_of(mask.file.address)
        ]
        if len(fitting) == 1:
            split = split_of(mask.file.address) or "train"
            of.setdefault(split, Patterns(fitting[0].file.address, mask.file.address))
            labels.append(mask)
            labeled.append(fitting[0])
    for each in images:
        if split_of(each.file.address) == "test" and each not in labeled:
            of.setdefault("test", Patterns(each.file.address))
    if "train" not in of:
        return None
    found = together(of)
    if found.test_image is not None:  # stacks have one pattern for all splits
        found = together({split: of[split] for split in of if split != "test"})
    return StackLayout(found, tuple(labels), labeled[0])


def _is_mask(stack: Stack) -> bool:
    if names_masks(stack.file.address) and not names_images(stack.file.stem):
        return True
    return stack.few and not names_images(stack.file.address)
