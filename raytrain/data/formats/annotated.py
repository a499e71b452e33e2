"""Pair images with annotation files, or with the entries of one annotation file."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, TypeGuard

import numpy as np

from raytrain.config.annotations import AnnotationsSpec, FilePerImageSpec, OneFileSpec
from raytrain.config.patterns import parts_of
from raytrain.data.image_files import ImageFile, find_images, unlisted_problems
from raytrain.data.index import Found, Index, Split, composed, natural_key
from raytrain.data.patterns import filled, matches, split_words

Size = tuple[int, int]
"""Height and width in px."""


@dataclass(frozen=True)
class Drawing:
    """One object of an annotation file."""

    word: str
    """The object's class, as the file names it."""
    name: str
    """Name of the object in messages, such as `object 3`."""
    draw: Callable[[Size], np.ndarray]
    """Function from (H, W) to the object's bool mask. Raises ValueError that says what is wrong
    with the object."""


@dataclass(frozen=True)
class AnnotatedImage:
    """One image in an annotation file."""

    image: str
    """The path of the image, as it is written in the file."""
    size_HW: Size | None
    drawings: tuple[Drawing, ...]
    labeled: bool = True
    """Whether the file annotates the image. An annotated image may have no object."""


Reader = Callable[[Path], dict[str, AnnotatedImage]]
"""Function that reads an annotation file, and returns the images that it lists, each by a key that
names it within the file. Raises ValueError that lists every problem."""


def index_one_file(spec: OneFileSpec, splits: object, root: Path, read: Reader) -> Index:
    """Return a sample for each image file that matches `spec.image`, and the problems. An image
    that the annotation file `spec.file` lists has a mask; `read` reads this file. If only
    `spec.file` has `{split}`, an image's split is that of the file that lists it, or else train."""
    search = find_images(spec, splits, root)
    words, problems = search.words, [*search.problems]
    masks: dict[str, str] = {}
    of_split = "{split}" in spec.file
    by_file = of_split and "{split}" not in spec.image
    if by_file and not problems:
        words, problems = split_words(splits, spec.file, "competition.format.file")
    split_at: dict[str, tuple[Split | None, str]] = {}
    for split, word in words.items() if of_split else [(None, "")]:
        file = filled(spec.file, split=word)
        if not (root / file).is_file() and (split == "test" or (by_file and split == "val")):
            continue
        try:
            listed = _read(read, root / file)
        except ValueError as error:
            problems += str(error).split("\n")
            continue
        every = by_file or not of_split
        pool = [image for image in search.images if every or image.split == split]
        found, wrong = _paired(root / file, listed, pool)
        wrong += [
            f"{root / file}: image {address!r} is in the file of another split, too; keep one entry"
            for address in sorted(found.keys() & split_at.keys())
        ]
        masks |= {at: f"{file}#{key}" for at, key in found.items() if listed[key].labeled}
        split_at |= dict.fromkeys(found if by_file else (), (split, word))
        problems += wrong if pool else []
    samples = []
    for each in search.images:
        split, word = split_at.get(each.address, (each.split, each.word))
        image = replace(each, split=split, word=word)
        file = filled(spec.file, split=word or words.get(split, ""))
        expected = f"{root / file}: an entry of {PurePosixPath(image.address).name!r}"
        samples.append(_sample(spec, image, masks.get(image.address), f"{file}#", expected))
    problems += unlisted_problems(spec, splits, root / spec.file, samples)
    return Index(samples, problems, search.notes)


def index_file_per_image(spec: FilePerImageSpec, splits: object, root: Path) -> Index:
    """Return a sample for each image file that matches `spec.image`, and the problems. The mask of
    an image is the annotation file whose path has the same parts, such as `{name}`."""
    search = find_images(spec, splits, root)
    problems = [*search.problems]
    named = [part for part in parts_of(spec.file) if part != "split"]
    files: dict[tuple[str, ...], str] = {}
    words = search.words.values() if "{split}" in spec.file else [""]
    for word in words:
        found, wrong = matches(root, filled(spec.file, split=word) if word else spec.file)
        files |= {(word, *(m.fields[part] for part in named)): m.address for m in found}
        problems += wrong
    used: dict[str, ImageFile] = {}
    samples = []
    for image in sorted(search.images, key=lambda image: image.split == "test"):
        key = (image.word if "{split}" in spec.file else "", *(image.parts[p] for p in named))
        file = None if image.elsewhere else files.get(key)
        first = used.setdefault(file, image) if file is not None else image
        if first is not image and image.split != "test":
            problems.append(
                f"{root / str(file)}: belongs to {first.address} and to {image.address}; add the "
                "parts in which they differ to competition.format.file"
            )
        path = filled(spec.file, split=image.word, **image.parts)
        mask = file if first is image else None
        samples.append(_sample(spec, image, mask, f"{path}#", str(root / path)))
    lonely = sorted({*files.values()} - {*used}, key=natural_key)
    problems += [
        f"{root / file}: there is no image for these annotations; add it, or remove the file"
        for file in (lonely if search.images and not search.repeated else [])
    ]
    problems += unlisted_problems(spec, splits, root / spec.file, samples)
    return Index(samples, problems, search.notes)


def listed_at(root: Path, address: str, read: Reader) -> AnnotatedImage | None:
    """Return the image that the address `<annotation file>#<key>` names, with its objects. `read`
    reads the file. Return None if the key is empty: the file does not list the image."""
    file, _, key = address.rpartition("#")
    return _read(read, root / file)[key] if key else None


def listed_in(path: Path, key: str, tool: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the content of a JSON file, and its list of objects `key`. Raises ValueError when the
    file is missing, is not JSON, or is not a file of this tool."""
    try:
        tree = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file; correct competition.format.file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: cannot be read as JSON ({error}); export it again") from None
    found = tree.get(key) if isinstance(tree, dict) else None
    if not are_objects(found):
        raise ValueError(
            f"{path}: not a {tool} file: it has no list of {key}; export it again, or correct "
            "competition.format"
        )
    return tree, found


def are_objects(value: Any) -> TypeGuard[list[dict[str, Any]]]:
    """Return whether a value from a JSON file is a list of objects."""
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def size_in(height: Any, width: Any) -> Size | None:
    """Return (H, W) if both values from a file are whole numbers, else None."""
    return (height, width) if isinstance(height, int) and isinstance(width, int) else None


def _paired(
    path: Path, listed: dict[str, AnnotatedImage], pool: Iterable[ImageFile]
) -> tuple[dict[str, str], list[str]]:
    """Return address of the image file -> key of the image in the annotation file, for each listed
    image that is not elsewhere; and the problems."""
    by_name: dict[str, list[ImageFile]] = defaultdict(list)
    for image in pool:
        for name in {_spelt(address).name for address in image.addresses}:
            by_name[name].append(image)
    found: dict[str, str] = {}
    problems = []
    for key, each in listed.items():
        path_in_file = _spelt(each.image.replace("\\", "/"))
        same = by_name.get(path_in_file.name, [])
        # Folders in the file, and labels, tell images of one name apart.
        ending = path_in_file.parts
        same = [i for i in same if _spelt(i.address).parts[-len(ending) :] == ending] or same
        same = [image for image in same if not image.elsewhere] or same
        if len(same) != 1:
            which = " or ".join(image.address for image in same[:3])
            what = f"may be {which}; write its path with the folders"
            if not same:
                what = "is not in the folder; correct competition.format.image, or remove the entry"
            problems.append(f"{path}: image {each.image!r} {what}")
        elif same[0].address in found:
            problems.append(f"{path}: image {each.image!r} is listed twice; keep one entry")
        elif not same[0].elsewhere:
            found[same[0].address] = key
    return found, problems


def _spelt(address: str) -> PurePosixPath:
    """Return a path with its accents in Unicode's composed form and its suffix in lower case, so
    that paths which differ only in these are equal."""
    path = PurePosixPath(composed(address))
    return path.parent / f"{path.stem}{path.suffix.lower()}"


def _sample(
    spec: AnnotationsSpec, image: ImageFile, mask: str | None, blank: str, expected: str
) -> Found:
    """Return the sample; `blank` is the address of an empty mask."""
    if spec.unlisted is None:
        expected += ", or competition.format.unlisted: empty"
    said = spec.unlisted is not None and mask is None
    masks = () if mask is None else (mask,)
    if said and spec.unlisted == "empty":
        masks = (blank,)
    return Found(image.name, image.split, image.addresses, masks, expected, said, image.parts)


def _read(read: Reader, path: Path) -> dict[str, AnnotatedImage]:
    return _read_at(read, path, path.stat().st_mtime_ns if path.is_file() else 0)


@lru_cache(maxsize=4)
def _read_at(read: Reader, path: Path, written: int) -> dict[str, AnnotatedImage]:
    """Read a file. `written` is the time of the file; with it, the cache notices a changed file."""
    del written
    return read(path)
