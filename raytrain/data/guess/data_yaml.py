"""The splits that the `data.yaml` of YOLO names: a folder of images, or a list, for each split."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from raytrain.data.guess.classmap import LARGEST
from raytrain.data.guess.files import PICTURES, File
from raytrain.data.guess.said import Said, Tree
from raytrain.data.guess.split_rule import ORDER, Together, listed_in

Folders = tuple[str, ...]
_IMAGES, _LABELS = "images", "labels"
"""Names of the folders of images and of labels, beside each other."""


@dataclass(frozen=True)
class DataYaml:
    """The splits of a `data.yaml` whose folders or lists exist."""

    file: str
    folders: dict[str, Folders]
    """Split -> its folder of images; empty if there are lists."""
    lists: dict[str, str]
    """Split -> the text file that lists its images; empty if there are folders."""

    def together(self, files: list[File]) -> Together | None:
        """Return the patterns of the folders; None if they differ in more than one name."""
        of = [*self.folders.values()]
        if len({*map(len, of)}) != 1:
            return None
        places = [place for place, names in enumerate(zip(*of, strict=True)) if len({*names}) > 1]
        if len(places) != 1 or _IMAGES not in (shared := _with(of[0], places[0], "{split}")):
            return None
        last = len(shared) - 1 - shared[::-1].index(_IMAGES)
        suffixes = {f.suffix for f in files if f.folders in of and f.suffix in PICTURES}
        suffix = suffixes.pop() if len(suffixes) == 1 else ".*"
        image = "/".join((*shared, f"{{name}}{suffix}"))
        labels = "/".join((*_with(shared, last, _LABELS), "{name}.txt"))
        words = {split: folders[places[0]] for split, folders in self.folders.items()}
        return Together(image, labels, words)

    def list_tree(self, root: Path, names: set[str]) -> Tree | None:
        """Return `competition.splits` by the lists; None if there are none, or if they name other
        images than `names`."""
        listed = set().union(*(listed_in(root / each) for each in self.lists.values()))
        if not self.lists or not listed <= names:
            return None
        tree = {"name": Said("lists", f"{self.file} names a list of the images of each split")}
        return tree | {
            split: Said(self.lists[split], f"the {split} images")
            for split in ORDER
            if split in self.lists
        }


def data_yaml(root: Path, files: list[File]) -> DataYaml | None:
    """Return the splits of the first file like YOLO's `data.yaml`, or None. It needs at least two
    splits that are not the same."""
    pictures = {file.folders for file in files if file.suffix in PICTURES}
    texts = {file.address for file in files if file.suffix == ".txt"}
    for file in files:
        tree = _tree(root, file)
        said = {split: tree[split] for split in ORDER if isinstance(tree.get(split), str)}
        folders: dict[str, Folders] = {}
        lists: dict[str, str] = {}
        for split, path in said.items():
            for parts in _places(path, file.folders):
                if parts in pictures:
                    folders.setdefault(split, parts)
                if "/".join(parts) in texts:
                    lists.setdefault(split, "/".join(parts))
        if _divide(folders, len(said)):
            return DataYaml(file.address, folders, {})
        if _divide(lists, len(said)):
            return DataYaml(file.address, {}, lists)
    return None


def _divide(found: Mapping[str, object], count: int) -> bool:
    """Return whether all `count` splits, train and others, were found, and differ."""
    return "train" in found and 1 < len({*found.values()}) == len(found) == count


def _tree(root: Path, file: File) -> dict[str, Any]:
    path = root / file.address
    if file.suffix not in (".yaml", ".yml") or path.stat().st_size > LARGEST:
        return {}
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (ValueError, OSError, RecursionError, yaml.YAMLError):
        return {}
    return tree if isinstance(tree, dict) and "names" in tree else {}


def _places(path: str, beside: Folders) -> Iterator[Folders]:
    """Yield the folders that a path may mean. It is relative to `beside`, the file's folder, or to
    the data's folder. Its first names may be those of another machine."""
    parts = tuple(
        part for part in path.replace("\\", "/").split("/") if part not in ("", ".", "..")
    )
    for at in range(len(parts)):
        yield (*beside, *parts[at:])
        yield parts[at:]


def _with(folders: Folders, place: int, name: str) -> Folders:
    return (*folders[:place], name, *folders[place + 1 :])
