"""How much is read at once depends on what the heads of the files say."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from raytrain.data import threads
from raytrain.data.decode import decode_image
from raytrain.data.header import declared_values
from raytrain.data.threads import in_threads
from tests.image_files import IMAGES


@pytest.mark.parametrize("kind", IMAGES)
def test_the_head_says_how_much_a_file_holds(kind: str, tmp_path: Path) -> None:
    """At least as much as is read; one index for each pixel of a palette."""
    name, write, _ = IMAGES[kind]
    write(tmp_path / name)
    image = decode_image(tmp_path / name)
    assert declared_values(tmp_path, name) >= image[..., 0].size
    if "palette" not in kind:
        assert declared_values(tmp_path, name) >= image.size


def test_the_head_of_what_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_bytes(b"no image")
    np.save(tmp_path / "stack.npy", np.zeros((4, 5, 6)))
    os.mkfifo(tmp_path / "pipe.png")
    expected = {"text.png": 8, "none.png": 0, "pipe.png": 0, "stack.npy#1": 30, "stack.npy#9": 0}
    assert {name: declared_values(tmp_path, name) for name in expected} == expected


def test_items_that_fit_together_are_worked_on_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits for a second one, and with a third there would be no room."""
    monkeypatch.setattr(threads, "AT_ONCE", 10)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    pair = threading.Barrier(2, timeout=30)
    assert len(in_threads("", lambda size: pair.wait(), [5] * 6, lambda size: size)) == 6


def test_large_items_are_worked_on_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "AT_ONCE", 10)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    lock, now = threading.Lock(), [0]

    def work(size: int) -> list[int]:
        found = []
        for step in (size, -size):
            with lock:
                now[0] += step
                found.append(now[0])
        return found

    sizes = [4, 6, 25, 6, 4, 1, 25, 25, 4, 6] * 20
    for size, found in zip(sizes, in_threads("", work, sizes, lambda size: size), strict=True):
        assert max(found) <= 10 or found == [25, 0] == [size, 0]


def test_room_is_given_back_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "AT_ONCE", 1)

    def work(number: int) -> float:
        return 1 / number

    with pytest.raises(ZeroDivisionError):
        in_threads("", work, [1, 0, 2, 3], lambda number: 7)
