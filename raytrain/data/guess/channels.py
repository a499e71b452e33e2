"""Which files are channels of one image, by their names: `a_red.tif`, `red/a.tif`, or
`train_red/red_a.tif`."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from raytrain.data.channels import CHANNEL
from raytrain.data.guess.files import File, names_images, names_masks, split_of
from raytrain.data.guess.found import Layout
from raytrain.data.guess.said import Said, Tree
from raytrain.data.index import natural_key

FEWEST = 3
"""Smallest number of images that prove a rule."""
COLORS = (("red", "green", "blue"), ("r", "g", "b"))
"""Names of color channels, in their usual order."""
_ENDING = re.compile(r"(.+)([_\-. ])([A-Za-z]\w*|\d{4})")
"""Pattern of a name that ends with a joint and a channel. Numbers at the end are views, slices or
frames, except the four digits of nnU-Net's modalities."""

_WORD = re.compile(r"[^_\-. ]+")
_FOLDER = re.compile(r"[A-Za-z]+\d?[A-Za-z]*|(?i:b|c|ch|channel|band|t)[_-]?\d{1,2}[Aa]?")
"""Pattern of a folder that may be a channel, such as `red`, `T1ce` or `B08`."""
_NUMBERED = re.compile(r"(?!(?i:b|c|ch|channel|band|t)[_-]?\d)([A-Za-z]+)\d.*")
"""Pattern of a name whose number may count patients or series; the group is the text before it."""

_PART = f"{{{CHANNEL}}}"
_Image = tuple[tuple[str, ...], str, str, str]
"""The folders, the suffix, the way of naming, and the name of an image."""


@dataclass(frozen=True)
class United:
    """The files of a folder, with one file instead of all channels of an image. Its name is the
    image's name without the channel."""

    files: list[File]
    firsts: frozenset[str]
    """The addresses of the files that replace all channels of an image."""
    channels: tuple[str, ...]
    name: str = "{name}"
    """How a file is named after image and channel, such as `{name}_{channel}`."""
    in_folder: bool = False
    """Whether the folder of a file is named after the channel, too."""

    def layout(self, found: Layout) -> Layout | None:
        """Return `found`, which is the layout of these files, as the layout of all files, with
        `{channel}` in its patterns. Returns None if an image has no channels, or if each channel
        has masks of its own."""
        masks = [address for of in found.masks.values() for address in of]
        images = {*found.images.values()}
        if not images or not images <= self.firsts or any(map(self._names_channel, masks)):
            return None
        format: dict[str, Said | Tree] = {}
        for key, said in found.format.items():
            if key in ("image", "test_image") and isinstance(said, Said):
                if (pattern := self._with_channel(said.value)) is None:
                    return None
                said = replace(said, value=pattern)
            format[key] = said
        why = "a file for each channel; their order is that of the image's channels"
        format["channels"] = Said([*self.channels], why)
        return replace(found, format=format)

    def _names_channel(self, address: str) -> bool:
        *folders, file = address.split("/")
        if self.name == "{name}":
            return not {*self.channels}.isdisjoint(folders)
        stem = file.rpartition(".")[0]
        ends = (self.name.replace(_PART, channel).split("{name}") for channel in self.channels)
        return any(stem.startswith(start) and stem.endswith(end) for start, end in ends)

    def _with_channel(self, pattern: str) -> str | None:
        """Return the pattern of the first channel as that of all channels; None if the channel's
        folder is no fixed part of it."""
        *folders, file = pattern.split("/")
        if self.in_folder:
            if folders[-1] == self.channels[0]:
                folders[-1] = _PART
            folders[-1] = _with_part(folders[-1], self.channels[0])
            if _PART not in folders[-1]:
                return None
        stem, dot, suffix = file.rpartition(".")
        return "/".join((*folders, f"{self.name.replace('{name}', stem)}{dot}{suffix}"))


def united(files: Sequence[File]) -> United | None:
    """Return the files with one file for each image, or None if no names say that files are
    channels.

    All images must have the same channels, at least two.
    """
    return _by_both(files) or _by_endings(files) or _by_folders(files)


def _by_endings(files: Sequence[File]) -> United | None:
    stems: dict[_Image, dict[str, File]] = defaultdict(dict)
    for file in files:
        match = _ENDING.fullmatch(file.stem)
        if match and not _says_more("/".join((*file.folders[-1:], match[3]))):
            name = f"{{name}}{match[2]}{_PART}"
            stems[file.folders, file.suffix, name, match[1]][match[3]] = file
    return _named(files, stems, False)


def _by_both(files: Sequence[File]) -> United | None:
    """Return the files of folders such as `train_red`, whose files begin or end with `red`, too."""
    stems: dict[_Image, dict[str, File]] = defaultdict(dict)
    for file in files:
        *folders, last = file.folders or ("",)
        for word in filter(_FOLDER.fullmatch, _WORD.findall(last)):
            begins = re.fullmatch(rf"{word}([_\-. ])(?P<name>.+)", file.stem)
            match = begins or re.fullmatch(rf"(?P<name>.+)([_\-. ]){word}", file.stem)
            if match is None or _says_more(word):
                continue
            name = f"{_PART}{begins[1]}{{name}}" if begins else f"{{name}}{match[2]}{_PART}"
            place = (*folders, _with_part(last, word))
            stems[place, file.suffix, name, match["name"]][word] = file
    found = _named(files, stems, True)
    return None if found is None or _are_counted(frozenset(found.channels)) else found


def _named(
    files: Sequence[File], stems: Mapping[_Image, dict[str, File]], in_folder: bool
) -> United | None:
    """Return the files with one for each image, whose channels are `stems`."""
    shapes = Counter((key[2], frozenset(found)) for key, found in stems.items())
    if len(shapes) != 1:
        return None
    [((name, names), count)] = shapes.items()
    channels = _in_order(names)
    numbered = channels[0].isdecimal() and int(channels[0]) != 0
    if len(channels) < 2 or count < FEWEST or numbered:
        return None
    firsts = {found[channels[0]].address: key[3] for key, found in stems.items()}
    rest = {file.address for found in stems.values() for file in found.values()} - {*firsts}
    alone = [
        replace(file, stem=firsts.get(file.address, file.stem))
        for file in files
        if file.address not in rest
    ]
    places = Counter((file.folders, file.stem, file.suffix) for file in alone)
    if max(places.values()) > 1:
        return None
    return United(alone, frozenset(firsts), channels, name, in_folder)


def _by_folders(files: Sequence[File]) -> United | None:
    """Return the files of folders with equal files, whose paths differ in the last folder only."""
    inside: dict[tuple[str, ...], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for file in files:
        if file.folders and _FOLDER.fullmatch(file.folders[-1]) and not _has_role(file):
            inside[file.folders[:-1]][file.folders[-1]].add(f"{file.stem}{file.suffix}")
    shapes = {
        frozenset(of)
        for of in inside.values()
        if all(names == next(iter(of.values())) for names in of.values())
    }
    several = [of for of in inside.values() if len(of) > 1]
    images = sum(len(next(iter(of.values()))) for of in several)
    if len(shapes) != 1 or len(several) != len(inside) or images < FEWEST:
        return None
    if _are_counted(next(iter(shapes))):
        return None
    channels = _in_order(next(iter(shapes)))
    alone = [file for file in files if not {*file.folders[-1:]} & {*channels[1:]}]
    firsts = frozenset(file.address for file in alone if file.folders[-1:] == channels[:1])
    return United(alone, firsts, channels, in_folder=True)


def _with_part(folder: str, word: str) -> str:
    """Return the name of a folder with `{channel}` in place of the word."""
    return _WORD.sub(lambda match: _PART if match[0] == word else match[0], folder)


def _are_counted(names: frozenset[str]) -> bool:
    """Return whether the names differ only in their numbers, as those of patients do."""
    counted = {match[1] for name in names if (match := _NUMBERED.fullmatch(name))}
    return len(counted) == 1 and all(map(_NUMBERED.fullmatch, names))


def _has_role(file: File) -> bool:
    """Return whether a file's folders say that it is a mask, or its last one that it is an image or
    belongs to a split."""
    last = file.folders[-1]
    return names_masks("/".join(file.folders)) or names_images(last) or split_of(last) is not None


def _in_order(names: frozenset[str]) -> tuple[str, ...]:
    """Return red, green and blue in this order, then other channels in natural order."""
    lower = {name.lower(): name for name in names}
    colors = next((each for each in COLORS if {*each} <= {*lower}), ())
    first = tuple(lower[color] for color in colors)
    return first + tuple(sorted(names - {*first}, key=natural_key))


def _says_more(text: str) -> bool:
    """Return whether a folder's name and an ending mean masks or splits, and not a channel."""
    return names_masks(text) or split_of(text.rpartition("/")[2]) is not None
