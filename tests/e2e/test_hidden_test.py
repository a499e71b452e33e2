"""A notebook predicts images that nobody has seen, without a network and within its time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from raytrain.data.new_images import NewImage
from raytrain.ensemble import afford
from raytrain.ensemble.afford import ROUNDS
from raytrain.ensemble.new_maps import new_strips
from raytrain.ensemble.predictor import load_predictor
from raytrain.pipeline import hidden_test
from raytrain.pipeline.hidden_test import MARGIN, RESERVE, find_bundle, predict_hidden
from raytrain.runs.files import read_json
from tests.commands import printed
from tests.e2e.installed import Installed


def run_notebook(place: Path, work: Path, installed: Installed) -> str:
    """Run the notebook's code cells where only the wheel is installed, without a network, with
    `work` as its input; returns what it prints. The images are in `work/phantom/test/image`."""
    with pytest.raises(ValueError, match=r"attach one unpacked bundle .*found: none"):
        find_bundle(work)
    printed("bundle", place / "runs/phantom/default", "--out", work / "mine", "--notebook")
    wheels = work / "mine" / "wheels.txt"
    assert "torch==" in wheels.read_text()
    wheels.unlink()
    cells = read_json(work / "mine" / "predict.ipynb")["cells"]
    code = "\n".join(cell["source"] for cell in cells if cell["cell_type"] == "code")
    assert "LIMIT_H = 9 " in code
    return installed.run("-c", code.replace('"/kaggle/input"', repr(str(work))), work=work)


def rows(path: Path) -> dict[str, str]:
    header, *lines = path.read_text().splitlines()
    assert header == "id,encoding"
    return dict(line.split(",") for line in lines)


@pytest.mark.slow
def test_a_notebook_predicts_hidden_images(
    place: Path, installed: Installed, tmp_path: Path
) -> None:
    images = tmp_path / "phantom" / "test" / "image"
    images.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number, size_HW in enumerate(((96, 96), (33, 130), (96, 96), (70, 64), (200, 90)), 8):
        image = Image.fromarray(rng.integers(0, 256, size_HW).astype(np.uint8))
        image.save(images / f"scan{number}.png")
    (images / "scan13.png").write_bytes((images / "scan8.png").read_bytes()[:99])
    said = run_notebook(place, tmp_path, installed)
    assert "no wheels.txt is attached" in said
    assert "predict: 5 images x 6 passes = 30 passes (2 members; " in said
    assert "predicted: 5 images with 2 members (6 passes)" in said
    assert "scan13: blank rows, because it cannot be predicted" in said
    assert "scan13.png: unreadable" in said
    found = rows(tmp_path / "submission.csv")
    names = [f"scan{n}_mask{k}" for n in range(8, 14) for k in (1, 2, 3)]
    assert [*found] == names
    assert [found[f"scan13_mask{k}"] for k in (1, 2, 3)] == [""] * 3
    (images / "scan13.png").unlink()
    printed("predict", images, "--with", place / "bundle.zip", "--out", tmp_path / "p", "--csv")
    expected = rows(tmp_path / "p" / "submission.csv")
    assert {name: found[name] for name in expected} == expected
    assert any(expected.values())


@pytest.mark.slow
def test_a_notebook_without_images(place: Path, installed: Installed, tmp_path: Path) -> None:
    images = tmp_path / "phantom" / "test" / "image"
    images.mkdir(parents=True)
    said = run_notebook(place, tmp_path, installed)
    assert (tmp_path / "submission.csv").read_text() == "id,encoding\n"
    assert f"{images}: no image is there" in said


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
    assert "the time can be estimated only after the first images: c is too wide" in said.err
    assert f"{images / 'more'}/" in said.err
    assert f"{images / 'notes.txt'}" in said.err
    assert "found.csv, 3 images, 1 of them blank" in said.out
    found = rows(tmp_path / "found.csv")
    assert [*found] == [f"{id}_mask{k}" for id in "abc" for k in (1, 2, 3)]
    assert any(found[f"a_mask{k}"] for k in (1, 2, 3))
    assert not any(found[f"c_mask{k}"] for k in (1, 2, 3))


def test_a_folder_of_folders_is_refused(place: Path, tmp_path: Path) -> None:
    (tmp_path / "images" / "case1").mkdir(parents=True)
    Image.fromarray(np.zeros((96, 96), np.uint8)).save(tmp_path / "images" / "case1" / "a.png")
    with pytest.raises(ValueError, match=r"images: images are only in its subfolders; .*/\*/\*"):
        predict_hidden(tmp_path / "images", place / "bundle.zip", tmp_path / "found.csv")
    predict_hidden(tmp_path / "images/*/*", place / "bundle.zip", tmp_path / "found.csv")
    assert [*rows(tmp_path / "found.csv")] == [f"a_mask{k}" for k in (1, 2, 3)]


class Machine:
    """A clock that goes on when images are predicted, by the passes and the slowness of now."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.now_s, self.slowness, self.images = 0.0, 1.0, 0
        self.becomes: dict[int, float] = {}
        """Number of predicted images -> the slowness from then on."""
        for module in (hidden_test, afford):
            monkeypatch.setattr(module, "new_strips", self._predicts)

    def clock(self) -> float:
        return self.now_s

    def _predicts(self, networks: Any, content: Any, part: list[NewImage]) -> Iterator[Any]:
        for found in new_strips(networks, content, part):
            self.now_s += self.slowness * sum(len(each.views) for each in networks)
            self.images += 1
            self.slowness = self.becomes.get(self.images, self.slowness)
            yield found


@pytest.mark.parametrize(
    ("becomes", "limit_s", "predicted", "warned"),
    [
        ({}, 240, [(40, "2 members (6 passes)")], []),  # 40 images x 6 passes x 1 s
        ({}, 239, [(40, "1 member (4 passes)")], ["{light} is left out{now}"]),
        # From image 9 of 40 on, all is twice as slow, or eight times.
        (
            {8: 2},
            240,
            [
                (12, "2 members (6 passes)"), (4, "1 member (4 passes)"),
                (24, "1 member (2 passes)"),
            ],
            [
                "{light} is left out from image 13 on{now}",
                "{heavy} predicts with 2 passes for each image from image 17 on{now}",
            ],
        ),
        (
            {8: 8},
            240,
            [(12, "2 members (6 passes)"), (8, "1 member (1 pass)")],
            [
                "{light} is left out from image 13 on{now}",
                "{heavy} predicts with 1 pass for each image from image 13 on{now}",
                "20 images: blank rows{why}",
            ],
        ),
        (
            {},
            0,
            [],
            [
                "{light} is left out{now}", "{heavy} predicts with 1 pass for each image{now}",
                "40 images: blank rows{why}",
            ],
        ),
    ],
)  # fmt: skip
def test_members_are_left_out_as_soon_as_the_time_would_not_suffice(
    becomes: dict[int, float],
    limit_s: float,
    predicted: list[tuple[int, str]],
    warned: list[str],
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bundle, images = place / "bundle.zip", place / "data/test/image"
    heavy, light = load_predictor(bundle).bundle.members
    machine, probed = Machine(monkeypatch), sum(ROUNDS)
    machine.becomes = {2 * probed + count: factor for count, factor in becomes.items()}
    limit_h = (limit_s * MARGIN + probed * 6) / 3600 / (1 - RESERVE)
    predict_hidden(images, bundle, tmp_path / "a.csv", limit_h, False, machine.clock)
    assert machine.now_s <= 3600 * limit_h
    said = capsys.readouterr()
    listed = ", ".join(f"{count} images with {by}" for count, by in predicted) or "0 images"
    assert f"predicted: {listed}\n" in said.out
    words = {
        "light": f"{light.name} (weight 1)", "heavy": heavy.name, "now": ", to keep the time limit",
        "why": ", because even one network would pass the time limit; bundle a smaller ensemble",
    }  # fmt: skip
    assert said.err.splitlines() == [f"raytrain: {text.format(**words)}" for text in warned]
    found = rows(tmp_path / "a.csv")
    whole = rows(place / "runs/phantom/default/final/submission.csv")
    assert [*found] == [*whole]
    by_all = 3 * sum(count for count, by in predicted if by.startswith("2"))
    blank = [*found.values()][3 * sum(count for count, _ in predicted) :]
    assert [*found.values()][:by_all] == [*whole.values()][:by_all]
    assert any(found.values()) == bool(predicted)
    assert not any(blank)


@pytest.mark.parametrize(("image_s", "measured"), [(1, 12), (10, 4), (20, 3), (40, 2)])
def test_slow_images_are_measured_by_few(
    image_s: float,
    measured: int,
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise measuring would take as long as the prediction of a few huge images."""
    machine = Machine(monkeypatch)
    machine.slowness = image_s / 2  # one member has two passes for each image, the other one four
    images, bundle = place / "data/test/image", place / "bundle.zip"
    predict_hidden(images, bundle, tmp_path / "a.csv", 0, False, machine.clock)
    assert machine.images == measured
