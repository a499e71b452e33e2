"""`raytrain predict` that was killed goes on, and repeats no finished image."""

import json
import re
import shutil
import signal
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from raytrain.ensemble.finished import FILE, Finished
from raytrain.runs.ensemble import read_ensemble
from raytrain.runs.layout import RunDir
from tests.commands import printed, quick_processes
from tests.crash_steps import command_with_steps

BATCH = 4
"""Images that are predicted together; those of an incomplete batch are predicted again."""
EXTRAS = ("--probabilities", "--overlay", "--csv")


def in_a_process(words: list[object], out: Path, deadly: int | None, log: Path) -> int:
    """The command in a process of its own, killed at a step that changes the folder `out`."""
    context = quick_processes()
    texts = [*map(str, words), "--out", str(out)]
    log.unlink(missing_ok=True)
    given = (texts, out, deadly, log, log.with_suffix(".json"))
    process = context.Process(target=command_with_steps, args=given)
    process.start()
    process.join(300)
    assert process.exitcode is not None, log.read_text()
    return process.exitcode


def written(out: Path) -> dict[str, bytes]:
    """The predictions; what a killed process left under a temporary name is none."""
    return {path.name: path.read_bytes() for path in out.iterdir() if path.name[0] != "."}


def times(out: Path, names: Iterable[str]) -> dict[str, int]:
    return {name: (out / name).stat().st_mtime_ns for name in names}


def recorded(out: Path) -> list[str]:
    """The ids in the record."""
    path = out / FILE
    lines = path.read_text().split("\n")[:-1] if path.is_file() else []
    return [json.loads(line)["id"] for line in lines]


def count_before(said: str) -> int:
    """How many images were not predicted again, as the command says."""
    found = re.search(r"(?:all|; (\d+) of) (\d+) images were finished before", said)
    return 0 if found is None else int(found[1] or found[2])


@pytest.mark.slow
def test_killed_at_any_step_it_goes_on_to_the_same_bytes(place: Path, tmp_path: Path) -> None:
    words = ["predict", place / "data/test/image", "--with", place / "bundle.zip", *EXTRAS]
    log = tmp_path / "log.txt"
    assert in_a_process(words, tmp_path / "whole" / "out", None, log) == 0, log.read_text()
    whole, steps = written(tmp_path / "whole/out"), json.loads(log.with_suffix(".json").read_text())
    assert len(whole) == 3 * 40 + 1
    lines = [at for at, name in enumerate(steps) if name == f"write out/{FILE}"]
    assert len(lines) == 40 // BATCH
    last = len(steps) - 1
    for at in (lines[0] + 1, lines[1], last // 2, last):
        out = tmp_path / str(at) / "out"
        assert in_a_process(words, out, at, log) == -signal.SIGKILL, steps[at]
        ids = recorded(out)
        ids = ids[: len(ids) // BATCH * BATCH]
        files = [f"{id}{ending}" for id in ids for ending in (".png", ".npy", "_overlay.png")]
        before = times(out, files)
        said = printed(*words, "--out", out)
        assert count_before(said) == len(ids), steps[at]
        assert times(out, files) == before
        assert written(out) == whole, steps[at]


def test_only_finished_images_of_the_same_request_are_not_predicted_again(
    place: Path, run: RunDir, tmp_path: Path
) -> None:
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    for number, path in enumerate(sorted((place / "data/test/image").iterdir())[:12]):
        shutil.copy(path, images / f"a{number:02}.png")

    def before(*extras: str, source: Path = place / "bundle.zip") -> int:
        return count_before(printed("predict", images, "--with", source, "--out", out, *extras))

    assert [before(), before()] == [0, 12]
    assert before("--csv") == 12
    # Four images are a batch: they are predicted together.
    (out / "a05.png").unlink()
    assert before() == 8
    (out / "a05.png").write_bytes((out / "a04.png").read_bytes())
    assert before() == 8
    expected = written(out)
    Image.fromarray(np.full((96, 96), 99, np.uint8)).save(images / "a09.png")
    assert before() == 8
    assert {name for name, content in written(out).items() if content != expected[name]} == {
        "a09.png"
    }
    assert [before("--overlay"), before("--overlay")] == [0, 12]
    assert [before("--probabilities"), before()] == [0, 0]
    member = run.path / read_ensemble(run).members[0][0].networks[0].checkpoint
    assert [before(source=member), before(source=member)] == [0, 12]
    by_member = written(out)
    assert before() == 0
    assert written(out)["a00.png"] != by_member["a00.png"]
    shutil.copy(images / "a00.png", images / "a99.png")
    assert before() == 12
    (out / FILE).write_text('{"id": 1}\n')
    told = printed("predict", images, "--with", place / "bundle.zip", "--out", out, code=1)
    assert f"{out / FILE}:1: damaged" in told
    assert "delete it and run the same command again" in told


def test_an_ensemble_that_was_killed_leaves_no_mask_to_another_one(
    place: Path, run: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The masks of the first ensemble are in the record, and the second one dies before it says
    that it replaced one of them."""
    images, out = place / "data/test/image", tmp_path / "out"
    member = run.path / read_ensemble(run).members[0][0].networks[0].checkpoint
    printed("predict", images, "--with", place / "bundle.zip", "--out", out)
    expected = written(out)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Finished, "add", killed)
        printed("predict", images, "--with", member, "--out", out, code=130)
    assert written(out) != expected
    printed("predict", images, "--with", place / "bundle.zip", "--out", out)
    assert written(out) == expected
