"""A notebook predicts images that nobody has seen, without a network and within its time."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from raytrain.data.new_images import NewImage
from raytrain.ensemble import afford
from raytrain.ensemble.new_maps import new_strips
from raytrain.ensemble.predictor import load_predictor
from raytrain.pipeline import hidden_test
from raytrain.pipeline.hidden_test import find_bundle, predict_hidden
from raytrain.runs.files import read_json
from tests.commands import printed

ROOT = Path(__file__).parents[2]
NO_NETWORK = """
import socket
def refused(*words, **others):
    raise OSError("this process has no network")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refused
"""


def run_notebook(place: Path, work: Path, limit_h: float) -> subprocess.CompletedProcess[str]:
    """Run the notebook's code cells in a process without a network, with `work` as its input; the
    images are in `work/phantom/test/image`."""
    with pytest.raises(ValueError, match=r"attach one unpacked bundle .*found: none"):
        find_bundle(work)
    printed("bundle", place / "runs/phantom/default", "--out", work / "mine", "--notebook")
    wheels = work / "mine" / "wheels.txt"
    assert "torch==" in wheels.read_text()
    wheels.unlink()
    cells = read_json(work / "mine" / "predict.ipynb")["cells"]
    code = "\n".join(cell["source"] for cell in cells if cell["cell_type"] == "code")
    assert "LIMIT_H = 9 " in code
    code = code.replace('"/kaggle/input"', repr(str(work))).replace("= 9 ", f"= {limit_h} ")
    env = {"PATH": os.environ["PATH"], "HOME": str(work), "PYTHONPATH": str(ROOT),
           "OMP_NUM_THREADS": os.environ["OMP_NUM_THREADS"]}  # fmt: skip
    return subprocess.run(
        [sys.executable, "-c", NO_NETWORK + code], cwd=work, env=env, capture_output=True,
        text=True, timeout=300,
    )  # fmt: skip


def rows(path: Path) -> dict[str, str]:
    header, *lines = path.read_text().splitlines()
    assert header == "id,encoding"
    return dict(line.split(",") for line in lines)


def test_a_notebook_predicts_hidden_images(place: Path, tmp_path: Path) -> None:
    images = tmp_path / "phantom" / "test" / "image"
    images.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number, size_HW in enumerate(((96, 96), (33, 130), (96, 96), (70, 64), (200, 90)), 8):
        image = Image.fromarray(rng.integers(0, 256, size_HW).astype(np.uint8))
        image.save(images / f"scan{number}.png")
    (images / "scan13.png").write_bytes((images / "scan8.png").read_bytes()[:99])
    done = run_notebook(place, tmp_path, 9)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no wheels.txt is attached" in done.stdout
    assert "for 5 images with 2 members" in done.stdout
    assert "scan13: blank rows, because it cannot be predicted" in done.stderr
    assert "scan13.png: unreadable" in done.stderr
    found = rows(tmp_path / "submission.csv")
    names = [f"scan{n}_mask{k}" for n in range(8, 14) for k in (1, 2, 3)]
    assert [*found] == names
    assert [found[f"scan13_mask{k}"] for k in (1, 2, 3)] == [""] * 3
    (images / "scan13.png").unlink()
    printed("predict", images, "--with", place / "bundle.zip", "--out", tmp_path / "p", "--csv")
    expected = rows(tmp_path / "p" / "submission.csv")
    assert {name: found[name] for name in expected} == expected
    assert any(expected.values())


def test_a_notebook_without_images(place: Path, tmp_path: Path) -> None:
    images = tmp_path / "phantom" / "test" / "image"
    images.mkdir(parents=True)
    done = run_notebook(place, tmp_path, 9)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "submission.csv").read_text() == "id,encoding\n"
    assert f"{images}: there is no image in it" in done.stderr


def test_what_cannot_be_predicted_gets_blank_rows_and_is_named(
    place: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = tmp_path / "images"
    (images / "more").mkdir(parents=True)
    (images / "notes.txt").write_text("x")
    for name, size_HW in (("a", (96, 96)), ("b", (1, 1)), ("c", (96, 300)), ("more/d", (96, 96))):
        noise = np.random.default_rng(0).integers(0, 256, size_HW).astype(np.uint8)
        Image.fromarray(noise).save(images / f"{name}.png")

    def narrow(networks: Any, content: Any, part: list[NewImage]) -> Iterator[Any]:
        for image in part:
            if image.size_HW[1] > 96:
                raise ValueError(f"{image.id} is too wide")
        return new_strips(networks, content, part)

    for module in (hidden_test, afford):
        monkeypatch.setattr(module, "new_strips", narrow)
    predict_hidden(images, place / "bundle.zip", tmp_path / "found.csv")
    said = capsys.readouterr()
    assert "c: blank rows, because they cannot be predicted: c is too wide" in said.err
    assert "the time cannot be estimated, so no member is left out: c is too wide" in said.err
    assert f"{images / 'more'}/" in said.err
    assert f"{images / 'notes.txt'}" in said.err
    assert "found.csv, 3 images, 1 of them blank" in said.out
    found = rows(tmp_path / "found.csv")
    assert [*found] == [f"{id}_mask{k}" for id in "abc" for k in (1, 2, 3)]
    assert any(found[f"a_mask{k}"] for k in (1, 2, 3))
    assert not any(found[f"c_mask{k}"] for k in (1, 2, 3))


def test_members_are_left_out_for_want_of_time(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(next((place / "data/test/image").iterdir()), tmp_path / "a.png")
    predict_hidden(tmp_path, place / "bundle.zip", tmp_path / "all.csv")
    assert "left out" not in capsys.readouterr().err
    predict_hidden(tmp_path, place / "bundle.zip", tmp_path / "short.csv", 1e-9)
    said = capsys.readouterr()
    heavy, light = load_predictor(place / "bundle.zip").bundle.members
    assert (heavy.weight, light.weight) == (2, 1)
    assert f"{light.name} (weight 1) is left out, to keep the time limit" in said.err
    assert said.err.count("is left out") == 1
    assert "even one member may take longer than the time limit" in said.err
    assert "estimate without them: " in said.out
    assert [*rows(tmp_path / "short.csv")] == [*rows(tmp_path / "all.csv")]
