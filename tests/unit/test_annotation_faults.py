"""Whatever a damaged annotation file holds, the error is a ValueError that names the file."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from raytrain.config.annotations import CocoSpec, CvatSpec
from raytrain.data.samples import read_mask
from tests.format_files import CLASSES
from tests.unit.test_annotations import OBJECTS

JUNK: tuple[Any, ...] = (None, [], {}, "x", -1, 1e300, [[]], [{}], ["a", 1], "1,a;2", True)


def _damaged(tree: Any) -> Iterator[Any]:
    """Yield copies of a tree, each with one value replaced."""
    for place in _places(tree):
        for junk in JUNK:
            damaged = copy.deepcopy(tree)
            *before, last = place
            inner = damaged
            for step in before:
                inner = inner[step]
            inner[last] = junk
            yield damaged


def _places(tree: Any) -> Iterator[tuple[Any, ...]]:
    items: Any = ()
    if isinstance(tree, dict):
        items = tree.items()
    elif isinstance(tree, list):
        items = enumerate(tree)
    for key, value in items:
        yield (key,)
        yield from ((key, *rest) for rest in _places(value))


def _texts(text: str) -> Iterator[str]:
    if text.startswith("{"):
        yield from map(json.dumps, _damaged(json.loads(text)))
        return
    values = r'"([^"]*)"' if text.startswith("<") else r"\S+"
    for match in re.finditer(values, text):
        for junk in JUNK:
            given = f'"{junk}"' if text.startswith("<") else str(junk)
            yield f"{text[: match.start()]}{given}{text[match.end() :]}"


@pytest.mark.parametrize("kind", OBJECTS)
def test_a_damaged_value_is_a_named_error_or_none(kind: str, tmp_path: Path) -> None:
    (spec, text), _ = OBJECTS[kind]
    messages = []
    for number, damaged in enumerate(_texts(text)):
        path = tmp_path / f"o{number}"
        path.write_text(damaged)
        address = f"{path.name}#0" if isinstance(spec, CocoSpec | CvatSpec) else path.name
        try:
            read_mask(spec, tmp_path, (address,), (4, 6), CLASSES, "single_label")
        except ValueError as error:
            messages.append((str(path), str(error)))
        except KeyError:  # the file lists no image, so no sample has this address
            assert "images" in damaged or "annotations" in damaged
    assert len(messages) > 20
    assert [text for path, text in messages if path not in text] == []
