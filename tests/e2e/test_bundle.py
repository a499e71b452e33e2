"""New images are predicted by a run, by its bundle and from Python, with the run's own bits."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from raytrain.cli import app
from raytrain.config.target import outputs
from raytrain.data.decode import decode_image, decode_mask
from raytrain.data.index import natural_key
from raytrain.ensemble.prediction import SHARD
from raytrain.ensemble.predictor import load_predictor
from raytrain.pipeline.hidden_test import find_bundle, predict_hidden
from raytrain.runs.bundle import FILE
from raytrain.runs.ensemble import Candidate, read_ensemble
from raytrain.runs.files import read_json, write_json
from raytrain.runs.layout import RunDir
from tests.e2e.small_run import write_small_run

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a run, its data and its bundle."""
    folder = tmp_path_factory.mktemp("small")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAYTRAIN_CACHE", str(folder / "cache"))
        _, run = write_small_run(folder)
        raytrain("bundle", run.path, "--out", folder / "bundle.zip")
        yield folder


@pytest.fixture
def run(place: Path) -> RunDir:
    return RunDir(place / "runs" / "phantom" / "default")


def raytrain(*words: object) -> str:
    """What a command that succeeds prints, in this process."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def refused(*words: object) -> str:
    """What a command that fails prints."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 1, done.output
    return done.output


def test_own_test_images_get_the_masks_and_the_csv_of_the_run(
    place: Path, run: RunDir, tmp_path: Path
) -> None:
    images = place / "data" / "test" / "image"
    said = raytrain("predict", images, "--with", run.path, "--out", tmp_path, "--probabilities",
                    "--overlay", "--csv")  # fmt: skip
    assert "40 images, 2 members with 4 networks, 6 passes for each image" in said
    words = [
        "predict",
        str(images),
        "--with",
        str(run.path),
        "--out",
        str(tmp_path / "2"),
        "--json",
    ]
    found = json.loads(CliRunner().invoke(app, words).stdout)["result"]
    assert sorted(map(Path, found["masks"])) == sorted((tmp_path / "2").glob("*.png"))
    same_masks(run, tmp_path)
    assert (tmp_path / "submission.csv").read_bytes() == run.submission.read_bytes()
    for path in sorted(images.iterdir())[:3]:
        prob_KHW = np.load(tmp_path / f"{path.stem}.npy")
        assert (prob_KHW.shape, prob_KHW.dtype) == ((4, 96, 96), np.float16)
        np.testing.assert_allclose(prob_KHW.astype(float).sum(0), 1, atol=2e-3)
        overlay, image = (np.asarray(Image.open(each).convert("RGB")).astype(int)
                          for each in (tmp_path / f"{path.stem}_overlay.png", path))  # fmt: skip
        background = decode_mask(tmp_path / f"{path.stem}.png") == 0
        assert np.array_equal(overlay[background], image[background])
        assert (overlay != image).any()


def test_a_bundle_predicts_in_a_process_without_the_run(place: Path, tmp_path: Path) -> None:
    """With the package and nothing else: another home, cache and working directory."""
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    shutil.copy(place / "bundle.zip", work / "heart.zip")
    moved = place.with_name("moved")
    place.rename(moved)
    try:
        images = moved / "data" / "test" / "image"
        env = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT),
               "OMP_NUM_THREADS": os.environ["OMP_NUM_THREADS"]}  # fmt: skip
        words = ["predict", str(images / "*.png"), "--with", "heart.zip", "--csv"]
        done = subprocess.run(
            [sys.executable, "-m", "raytrain", *words], cwd=work, env=env, capture_output=True,
            text=True, timeout=300,
        )  # fmt: skip
    finally:
        moved.rename(place)
    assert done.returncode == 0, done.stdout + done.stderr
    run = RunDir(place / "runs" / "phantom" / "default")
    same_masks(run, work / "predictions")
    csv = work / "predictions" / "submission.csv"
    assert csv.read_bytes() == run.submission.read_bytes()


def test_a_predictor_takes_arrays_tensors_and_paths(place: Path, run: RunDir) -> None:
    predictor = load_predictor(place / "bundle.zip")
    paths = sorted((place / "data/test/image").iterdir(), key=lambda path: natural_key(path.stem))
    image_NHWC = np.stack([decode_image(path) for path in paths[:SHARD]])
    image_NCHW = image_NHWC.transpose(0, 3, 1, 2)
    expected = np.stack([decode_mask(run.mask(path.stem)) for path in paths[:SHARD]])
    assert np.array_equal(predictor.mask(image_NCHW), expected)
    assert predictor.mask(image_NCHW).dtype == np.uint8
    tensor = predictor.mask(torch.from_numpy(image_NCHW))
    assert isinstance(tensor, torch.Tensor)
    assert np.array_equal(tensor.numpy(), expected)

    prob_KHW = predictor(image_NHWC[0])
    assert prob_KHW.shape == (outputs(4, "single_label"), 96, 96)
    for given in (paths[0], str(paths[0]), image_NHWC[0, ..., 0], image_NHWC[0].astype(float)):
        assert np.array_equal(predictor(given), prob_KHW)
    as_tensor = predictor(torch.from_numpy(image_NHWC[0]))
    assert not as_tensor.requires_grad
    assert np.array_equal(as_tensor.numpy(), prob_KHW)
    np.testing.assert_allclose(predictor(image_NCHW)[0], prob_KHW, atol=1e-5)
    assert np.array_equal(load_predictor(run.path)(paths[0]), prob_KHW)


def test_a_predictor_says_what_it_expects(place: Path, tmp_path: Path) -> None:
    predictor = load_predictor(place / "bundle.zip")
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "color.png")
    for given, told in (
        ("none.png", r"none\.png: no such file; give the path of an image, or an array"),
        (tmp_path / "color.png", r"8x8, 3 channels, uint8, but .* 1 channel, uint8"),
        ([[0]], r"list is no image; give an array or tensor, H x W x 1 or N x 1 x H x W or H x W"),
        (np.zeros((1, 96, 96)), r"on 1 channel\(s\).* shape \[1, 96, 96\]"),
        (np.zeros((2, 3, 9, 9)), r"shape \[2, 3, 9, 9\]"),
        (np.zeros((0, 1, 9, 9)), r"shape \[0, 1, 9, 9\]"),
        (np.full((9, 9), 0.5), "the data's own values, not scaled ones"),
        (np.full((9, 9), 256), "the data's own values, not scaled ones"),
    ):
        for ask in (predictor, predictor.mask):
            with pytest.raises(ValueError, match=told):
                ask(given)
    for path, told in (
        (tmp_path, "no run with an ensemble, no bundle and no checkpoint; give a run's folder"),
        (place / "runs.yaml", "give a run's folder"),
        (tmp_path / "none.pt", "not a checkpoint of raytrain"),
    ):
        with pytest.raises(ValueError, match=told):
            load_predictor(path)


def test_other_sizes_are_predicted_whatever_else_is_predicted(place: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sizes = ((96, 96), (40, 128), (131, 77), (96, 96), (40, 128))
    for number, size_HW in enumerate(sizes):
        image = Image.fromarray(rng.integers(0, 256, size_HW).astype(np.uint8))
        image.save(tmp_path / f"{number}.png")
    words = ("--with", place / "bundle.zip", "--out")
    raytrain("predict", tmp_path, *words, tmp_path / "all")
    for number, size_HW in enumerate(sizes):
        raytrain("predict", tmp_path / f"{number}.png", *words, tmp_path / "one")
        together, alone = (tmp_path / out / f"{number}.png" for out in ("all", "one"))
        assert decode_mask(together).shape == size_HW
        differing = (decode_mask(together) != decode_mask(alone)).mean()
        assert differing < 1e-3, "batches of other sizes may change the last bits, and no more"


def test_nothing_is_written_when_an_input_is_wrong(place: Path, tmp_path: Path) -> None:
    noise = np.zeros((96, 96), np.uint8)
    for name in ("a.png", "b/a.png", "good.png", "good_overlay.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(noise).save(tmp_path / name)
    Image.fromarray(np.zeros((96, 96, 3), np.uint8)).save(tmp_path / "color.png")
    (tmp_path / "torn.png").write_bytes(b"\x89PNG")
    out = tmp_path / "out"
    words = ("--with", place / "bundle.zip", "--overlay", "--out")
    told = refused("predict", tmp_path, tmp_path / "b", tmp_path / "none", *words, out)
    for text in (
        "nothing was predicted", "its name 'a' is also that of", "torn.png: unreadable",
        "color.png: 96x96, 3 channels, uint8, but the network was trained on 1 channel, uint8",
        "none: no such file or folder", "a file of 'good_overlay' and of 'good'",
    ):  # fmt: skip
        assert text in told
    assert not out.exists()
    assert "is an input and would be overwritten" in refused(
        "predict", tmp_path / "good.png", *words, tmp_path
    )
    assert np.array_equal(decode_image(tmp_path / "good.png")[..., 0], noise)


def test_a_bundle_that_was_changed_is_refused(place: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    run = place / "runs" / "phantom" / "default"
    raytrain("bundle", run, "--out", folder)
    load_predictor(folder)
    names = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != FILE)
    first, second, third, *_ = names
    first.write_bytes(first.read_bytes() + b" ")
    second.unlink()
    third.write_bytes(b"")
    with pytest.raises(ValueError, match="not the bundle that was written") as caught:
        load_predictor(folder)
    assert f"{first}: changed since" in str(caught.value)
    assert f"{second}: missing" in str(caught.value)
    assert f"{third}: changed since" in str(caught.value)

    raytrain("bundle", run, "--out", folder)
    tree = read_json(folder / FILE)
    for changed, told in (
        ({"version": 2}, "a bundle of version 2, and this raytrain reads version 1"),
        ({"files": {}}, "files does not list trials/"),
        ({"files": {"../x": "0"}}, "not a path below"),
        ({"members": []}, "members: "),
    ):
        (folder / FILE).write_text(json.dumps({**tree, **changed}))
        with pytest.raises(ValueError, match=told):
            load_predictor(folder)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    assert "no folder; give a run's" in refused("bundle", place / "bundle.zip")
    assert "exists, and is no bundle" in refused("bundle", run, "--out", tmp_path / "mine")
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "mine"]


def test_a_zip_that_leads_out_of_its_folder_is_refused(place: Path, tmp_path: Path) -> None:
    archive = shutil.copy(place / "bundle.zip", tmp_path)
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("../outside.txt", "x")
    with pytest.raises(ValueError, match=r"'\.\./outside\.txt': leaves the folder"):
        load_predictor(archive)
    assert not list(place.rglob("outside.txt"))


def test_a_bundle_holds_networks_and_no_data(place: Path, run: RunDir, tmp_path: Path) -> None:
    again = tmp_path / "again.zip"
    raytrain("bundle", run.path, "--out", again)
    assert again.read_bytes() == (place / "bundle.zip").read_bytes()
    with zipfile.ZipFile(again) as opened:
        contents = {name: opened.read(name) for name in opened.namelist()}
    assert {Path(name).suffix for name in contents} == {".json", ".pt"}
    ids = [path.stem for path in (place / "data").rglob("*/image/*.png")]
    assert len(ids) == 62
    for name, content in contents.items():
        assert str(place).encode() not in content
        assert not [id for id in ids if f'"{id}"'.encode() in content], name


def test_a_teammates_maps_cannot_predict_new_images(run: RunDir, tmp_path: Path) -> None:
    ensemble = read_ensemble(run)
    kept = run.ensemble.read_bytes()
    mate = Candidate(name="ann", maps="joined/ann", fingerprint="a", oof={})
    chosen = ensemble.chosen.model_copy(
        update={"weights": (2, 1, 1), "views": (("hflip",), (), ())}
    )
    update = {"candidates": (*ensemble.candidates, mate), "chosen": chosen}
    write_json(run.ensemble, ensemble.model_copy(update=update).model_dump(mode="json"))
    try:
        for words in (("predict", tmp_path, "--with", run.path), ("bundle", run.path)):
            told = refused(*words)
            assert "a teammate's maps (ann)" in told
            assert "raytrain ensemble JOB.yaml --remove ann" in told
    finally:
        run.ensemble.write_bytes(kept)


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
    raytrain("bundle", place / "runs/phantom/default", "--out", work / "mine", "--notebook")
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
    raytrain("predict", images, "--with", place / "bundle.zip", "--out", tmp_path / "p", "--csv")
    expected = rows(tmp_path / "p" / "submission.csv")
    assert {name: found[name] for name in expected} == expected
    assert any(expected.values())


def test_a_notebook_without_images(place: Path, tmp_path: Path) -> None:
    images = tmp_path / "phantom" / "test" / "image"
    images.mkdir(parents=True)
    done = run_notebook(place, tmp_path, 9)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "submission.csv").read_text() == "id,encoding\n"


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
    assert "even one member may take longer" in said.err
    assert "estimate without them: " in said.out
    assert [*rows(tmp_path / "short.csv")] == [*rows(tmp_path / "all.csv")]


def same_masks(run: RunDir, folder: Path) -> None:
    """The masks are those of the run, bit by bit."""
    for path in run.masks.glob("*.png"):
        assert path.read_bytes() == (folder / path.name).read_bytes(), path.name
    assert len(list(run.masks.glob("*.png"))) == 40
