"""Images that belong to no data set: find them and check them.

A file `case_1.png` is one image or, if the competition has a file for each channel, one channel of
an image. Each row of a `.npy` stack and each page of a TIFF stack is an image.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from glob import glob
from pathlib import Path

import numpy as np
from PIL import Image

from raytrain.config.errors import first_lines
from raytrain.config.patterns import parts_of
from raytrain.data.channels import CHANNEL, channel_problem
from raytrain.data.header import declared_values
from raytrain.data.index import natural_key
from raytrain.data.patterns import fields_in, filled, path_fields
from raytrain.data.samples import describe, read_image
from raytrain.data.stacks import open_stack
from raytrain.data.threads import in_threads
from raytrain.data.tiff import SUFFIXES, count_pages
from raytrain.runs.messages import counted

GLOB = "*?["
"""Characters that turn an input into a pattern."""


@dataclass(frozen=True)
class Kind:
    """The images that a network takes, and how its competition names them."""

    channels: int
    dtype: str
    pattern: str | None = None
    """Pattern of an image's path in the competition, with parts such as `{name}` or `{split}`;
    null: the file's name without suffix is the image's name."""
    neighbours: tuple[str, ...] = ()
    """The frames that are the channels of an image, if an image consists of several frames."""
    naming: str = "{name}"
    """Pattern by which the parts of an image's path make its name."""
    planes: tuple[str, ...] = ()
    """The texts of `{channel}` in order, if each channel of an image has a file."""

    def problem(self, image_HWC: np.ndarray) -> str | None:
        """Return how an image differs from those that the network was trained on, or None."""
        if image_HWC.shape[2] == self.channels and image_HWC.dtype == self.dtype:
            return None
        text = (
            f"{describe(image_HWC)}, but the network was trained on "
            f"{counted(self.channels, 'channel')}, {self.dtype}; save it in the same way"
        )
        if self.neighbours:
            frames = ", ".join(self.neighbours)
            text += f" (its channels are the frames {frames}: give height x width x channels .npy)"
        elif self.planes:
            text += f" (a file for each of the channels {', '.join(self.planes)}: {self.pattern})"
        return text


@dataclass(frozen=True)
class NewImage:
    """One readable image."""

    id: str
    addresses: tuple[str, ...]
    """One path, or a path for each channel. A path may end with `#` and the row of a stack."""
    size_HW: tuple[int, int]


@dataclass(frozen=True)
class FoundImages:
    """The images and the problems at the inputs."""

    images: list[NewImage]
    """The readable images, in the order of the inputs; images of a folder in natural order."""
    unreadable: dict[str, str]
    """Id of each unreadable image -> the problem."""
    ids: list[str]
    """The ids of all images, readable or not, in the order of the inputs."""
    problems: list[str]
    """Paths without a file, and images that have the same name."""
    skipped: list[str]
    """Files that are not images, by suffix, channels that the network does not take, and subfolders
    with images; their paths end with a slash."""
    empty: list[str]
    """Folders, patterns and stacks without an image."""

    @property
    def skipped_text(self) -> str:
        """What is left out, why, and the remedy; empty if nothing is."""
        listed = "\n  ".join(first_lines(self.skipped))
        reason = "left out, because they are no images, or channels that are not used"
        if any(path.endswith("/") for path in self.skipped):
            reason += ", or subfolders: to predict their images, give a pattern such as FOLDER/*/*"
        return f"{reason}:\n  {listed}" if listed else ""


def find_images(inputs: Sequence[str], kind: Kind) -> FoundImages:
    """Return the images at files, folders and patterns such as `scans/*.png`, and the problems.
    Each image is decoded once, to check it.

    No problem raises an error, because the caller decides what it means.
    """
    paths, problems, skipped, empty = _listed(inputs)
    unreadable: dict[str, str] = {}
    places: dict[str, dict[str, str]] = {}
    for path in paths:
        name, channel = _name(path, kind)
        if channel and channel not in kind.planes:
            skipped.append(str(path))
            continue
        try:
            addresses = _addresses(path, name, kind)
        except ValueError as error:
            addresses = {name: str(path)}
            unreadable[name] = str(error)
        if not addresses:
            empty.append(str(path))
        for id, address in addresses.items():
            files = places.setdefault(id, {})
            first = _first(files, channel)
            files.setdefault(channel, address)
            if first is not None:
                problems.append(f"{address}: its name {id!r} is also that of {first}; rename one")
    todo = []
    for id, files in places.items():
        channels = ("",) if "" in files else kind.planes
        problem = channel_problem(files, channels, True)
        if problem is not None:
            unreadable[id] = f"{_first(files, '')}: {problem}"
        elif id not in unreadable:
            todo.append((id, tuple(files[channel] for channel in channels)))
    results = [*zip(todo, _looked(todo, kind), strict=True)]
    unreadable |= {id: result for (id, _), result in results if isinstance(result, str)}
    images = [NewImage(*each, size) for each, size in results if not isinstance(size, str)]
    return FoundImages(images, unreadable, [*places], problems, skipped, empty)


def _first(files: dict[str, str], channel: str) -> str | None:
    """Return the address of an earlier file that is the same image or the same channel, or None."""
    return files.get(channel) if channel and "" not in files else next(iter(files.values()), None)


def read_new(image: NewImage) -> np.ndarray:
    """Return image_HWC of an image. Raises ValueError when it is unreadable."""
    return read_image(Path(), image.addresses)


def _listed(inputs: Sequence[str]) -> tuple[list[Path], list[str], list[str], list[str]]:
    """Return the files, the problems, the skipped files, and the folders without an image."""
    paths: list[Path] = []
    problems, skipped, empty = [], [], []
    known = Image.registered_extensions().items()
    readable = {suffix for suffix, name in known if name in Image.OPEN} | {".npy", ".dcm", ""}
    for text in inputs:
        path = Path(text).expanduser()
        if path.is_dir():
            files = [
                each for each in path.iterdir() if each.is_file() and not each.name.startswith(".")
            ]
            images = [each for each in files if each.suffix.lower() in readable]
            skipped += sorted(map(str, {*files} - {*images}))
            skipped += [
                f"{each}/" for each in sorted(path.iterdir()) if _holds(each, readable - {""})
            ]
            paths += sorted(images, key=lambda each: natural_key(each.stem))
            if not images:
                empty.append(str(path))
        elif path.is_file():
            paths.append(path)
        elif any(sign in text for sign in GLOB):
            found = [Path(each) for each in glob(str(path), recursive=True)]
            files = [each for each in found if each.is_file()]
            paths += sorted(files, key=lambda each: natural_key(str(each.with_suffix(""))))
            if not files:
                empty.append(text)
        else:
            problems.append(f"{text}: no such file or folder; correct the path")
    return [*dict.fromkeys(paths)], problems, [*dict.fromkeys(skipped)], empty


def _holds(folder: Path, suffixes: set[str]) -> bool:
    """Return whether a path is a folder that contains, at any depth, a file with such a suffix."""
    if folder.name.startswith(".") or not folder.is_dir():
        return False
    return any(each.suffix.lower() in suffixes and each.is_file() for each in folder.rglob("*"))


def _addresses(path: Path, name: str, kind: Kind) -> dict[str, str]:
    """Return id -> address. A file is one image, except that each row or page of a stack is one."""
    rows = _rows(path, kind)
    if rows is None:
        return {name: str(path)}
    fields = fields_in(path.name, Path(kind.pattern).name) if kind.pattern else None
    prefix = (fields or {}).get("split", path.stem)
    return {f"{prefix}_{row}": f"{path}#{row}" for row in range(rows)}


def _rows(path: Path, kind: Kind) -> int | None:
    """Return a stack's number of images; None for one image. Raises ValueError for a bad `.npy`."""
    if path.suffix.lower() in SUFFIXES:
        with suppress(ValueError):  # the file is decoded as one image, which says what is wrong
            if (count := count_pages(path)) > 1 or parts_of(kind.pattern or "") == ("split",):
                return count
    if path.suffix.lower() != ".npy":
        return None
    try:
        shape = np.load(path, mmap_mode="r", allow_pickle=False).shape
    except (OSError, ValueError, EOFError, AttributeError) as error:
        raise ValueError(f"{path}: not a NumPy array ({error}); save it with numpy.save") from None
    if 0 in shape[1:] or shape == (0, *shape[1:2]):
        raise ValueError(f"{path}: {' x '.join(map(str, shape))} holds no pixel; give images")
    if len(shape) == 2 or (len(shape) == 3 and (shape[2] == kind.channels or kind.channels > 1)):
        return None
    return len(open_stack(path))


def _name(path: Path, kind: Kind) -> tuple[str, str]:
    """Return the name and the channel that the competition's pattern finds in a path. If it does
    not match, return the file's name without suffix and an empty text."""
    needed = {f"{{{part}}}" for part in (*parts_of(kind.naming), CHANNEL)}
    parts = (kind.pattern or "").split("/")
    first = next((at for at, part in enumerate(parts) if any(n in part for n in needed)), None)
    if first is None:
        return path.stem, ""
    ending = parts[first:]
    fields = path_fields("/".join(path.absolute().parts[-len(ending) :]), "/".join(ending)) or {}
    name = filled(kind.naming, **fields) if fields else ""
    return (name, fields.get(CHANNEL, "")) if name and not parts_of(name) else (path.stem, "")


def _looked(todo: list[tuple[str, tuple[str, ...]]], kind: Kind) -> list[tuple[int, int] | str]:
    """Return the height and width, or the problem, of the image at these addresses."""

    def look(place: tuple[str, tuple[str, ...]]) -> tuple[int, int] | str:
        try:
            image_HWC = read_image(Path(), place[1])
        except ValueError as error:
            return str(error)
        problem = kind.problem(image_HWC)
        return f"{place[1][0]}: {problem}" if problem else image_HWC.shape[:2]

    def size(place: tuple[str, tuple[str, ...]]) -> int:
        return sum(declared_values(Path(), address) for address in place[1])

    return in_threads("reading the images", look, todo, size)
