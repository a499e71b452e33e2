"""Files that list classes: names with numbers or colors, and files that list none."""

from pathlib import Path

import pytest

from raytrain.data.guess.classmap import LARGEST, ClassMap, class_map
from raytrain.data.guess.files import listed

NUMBERS = {0: "road", 1: "tree"}
COLORS = {0xFF0000: "road", 0x00FF80: "tree"}


def read(folder: Path, name: str, text: str) -> ClassMap | None:
    """What a folder with this one file tells."""
    (folder / name).write_text(text, encoding="utf-8")
    return class_map(folder, listed(folder))


@pytest.mark.parametrize(
    ("name", "text", "numbers", "colors"),
    [
        ("any.csv", "name,id\nroad,0\ntree,1\n", NUMBERS, {}),
        ("any.csv", "Class, Pixel_Value\nroad,0\ntree,1\n", NUMBERS, {}),
        ("any.csv", "name,r,g,b\nroad,255,0,0\ntree,0,255,128\n", {}, COLORS),
        ("classes.txt", "road\ntree\n", NUMBERS, {}),
        ("labels.txt", "0: road\n\n1: tree\n", NUMBERS, {}),
        ("labels.txt", "road 0\ntree 1\n", NUMBERS, {}),
        (
            "labelmap.txt",
            "# label:color_rgb:parts:actions\nroad:255,0,0::\ntree:0,255,128::\n",
            {},
            COLORS,
        ),
        ("data.yaml", "train: a\nnc: 2\nnames: [road, tree]\n", NUMBERS, {}),
        ("data.yml", "names:\n  0: road\n  1: tree\n", NUMBERS, {}),
        ("dataset.json", '{"labels": {"road": 0, "tree": 1}, "numTraining": 2}', NUMBERS, {}),
        ("dataset.json", '{"labels": {"0": "road", "1": "tree"}}', NUMBERS, {}),
        ("classes.json", '{"road": 0, "tree": 1}', NUMBERS, {}),
        ("classes.json", '{"0": "road", "1": "tree"}', NUMBERS, {}),
        ("palette.json", '{"road": [255, 0, 0], "tree": [0, 255, 128]}', {}, COLORS),
        (
            "classes.json",
            '{"classes": [{"title": "road", "color": "#FF0000"},'
            ' {"title": "tree", "color": "#00ff80"}]}',
            {},
            COLORS,
        ),
    ],
)
def test_classes_are_read_from_every_kind_of_file(
    name: str, text: str, numbers: dict[int, str], colors: dict[int, str], tmp_path: Path
) -> None:
    found = read(tmp_path, name, text)
    assert found is not None
    assert (found.file, found.numbers, found.colors) == (name, numbers, colors)
    assert found.columns == (("name", "r", "g", "b") if "r,g,b" in text else None)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("any.csv", "name,id\n"),
        ("any.csv", "name,id\nroad,0,7\n"),
        ("any.csv", "name,id\nroad,0\nroad,1\n"),
        ("any.csv", "name,id\nroad,zero\n"),
        ("any.csv", "word,id\nroad,0\n"),
        ("any.csv", "name,weight\nroad,0\n"),
        ("any.csv", "name,id\n" + "".join(f"n{number},{number}\n" for number in range(301))),
        ("notes.txt", "road\ntree\n"),
        ("classes.txt", "road\n"),
        ("classes.txt", "road: 1: 2\ntree\n"),
        ("classes.json", '{"road": 0}'),
        ("classes.json", '{"road": 0, "tree": "1"}'),
        ("classes.json", '{"road": [255, 0], "tree": [0, 255]}'),
        ("classes.json", "{"),
        ("dataset.json", '{"labels": ["road", "tree"]}'),
        ("dataset.json", '[{"labels": 1}]'),
        ("data.yaml", "names: 3\n"),
        ("data.yaml", "names: {road: 0, tree: 1}\n"),
        ("data.yaml", "a: [\n"),
        ("labelmap.txt", "road:255,0,0::\ntree\n"),
        ("classes.md", "road\ntree\n"),
        ("classes.txt", "road\n" * LARGEST),
    ],
)
def test_other_files_list_no_classes(name: str, text: str, tmp_path: Path) -> None:
    assert read(tmp_path, name, text) is None


def test_the_longest_list_of_classes(tmp_path: Path) -> None:
    rows = "".join(f"n{number},{number}\n" for number in range(300))
    found = read(tmp_path, "any.csv", f"name,id\n{rows}")
    assert found is not None
    assert len(found.numbers) == 300
