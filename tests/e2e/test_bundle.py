"""A bundle predicts without its run, holds no data, and is refused after a change."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from raytrain.ensemble.predictor import load_predictor
from raytrain.runs.bundle import FILE
from raytrain.runs.ensemble import Candidate, read_ensemble
from raytrain.runs.files import read_json, write_json
from raytrain.runs.layout import RunDir
from tests.commands import printed
from tests.e2e.installed import Installed
from tests.e2e.small_run import same_masks


@pytest.mark.slow
def test_a_bundle_predicts_where_only_the_wheel_is_installed(
    place: Path, installed: Installed, tmp_path: Path
) -> None:
    """Without the run and the source tree, with another home, cache and working directory."""
    shutil.copy(place / "bundle.zip", tmp_path / "heart.zip")
    moved = place.with_name("moved")
    place.rename(moved)
    try:
        images = moved / "data" / "test" / "image"
        words = ["predict", images / "*.png", "--with", "heart.zip", "--csv"]
        installed.run("-m", "raytrain", *words, work=tmp_path)
    finally:
        moved.rename(place)
    run = RunDir(place / "runs" / "phantom" / "default")
    same_masks(run, tmp_path / "predictions")
    csv = tmp_path / "predictions" / "submission.csv"
    assert csv.read_bytes() == run.submission.read_bytes()


def test_a_bundle_that_was_changed_is_refused(place: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    run = place / "runs" / "phantom" / "default"
    printed("bundle", run, "--out", folder)
    load_predictor(folder)
    names = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != FILE)
    first, second, third, *_ = names
    first.write_bytes(first.read_bytes() + b" ")
    second.unlink()
    third.write_bytes(b"")
    with pytest.raises(ValueError, match="files are not those that were written") as caught:
        load_predictor(folder)
    assert f"{first}: changed since" in str(caught.value)
    assert f"{second}: missing" in str(caught.value)
    assert f"{third}: changed since" in str(caught.value)

    printed("bundle", run, "--out", folder)
    tree = read_json(folder / FILE)
    for changed, told in (
        ({"version": 2}, "the bundle has version 2, but this raytrain reads version 1"),
        ({"files": {}}, "`files` does not list trials/"),
        ({"files": {"../x": "0"}}, "not a path below"),
        ({"members": []}, "members: "),
    ):
        (folder / FILE).write_text(json.dumps({**tree, **changed}))
        with pytest.raises(ValueError, match=told):
            load_predictor(folder)
    torn = tmp_path / "torn.zip"
    with zipfile.ZipFile(place / "bundle.zip") as whole, zipfile.ZipFile(torn, "w") as part:
        part.writestr(FILE, whole.read(FILE))
    with pytest.raises(ValueError, match=rf"^{torn}: the bundle's files are not those") as caught:
        load_predictor(torn)
    assert f"{torn}/trials/" in str(caught.value)
    assert "sources" not in str(caught.value)
    torn.write_bytes((place / "bundle.zip").read_bytes()[:-100])
    with pytest.raises(ValueError, match=rf"^{torn}: broken archive: .*; make the bundle again"):
        load_predictor(torn)
    torn.unlink()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    assert "not a folder; give a run's" in printed("bundle", place / "bundle.zip", code=1)
    assert "exists and is not a bundle's" in printed(
        "bundle", run, "--out", tmp_path / "mine", code=1
    )
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "mine"]


def test_no_foreign_file_is_lost(place: Path, tmp_path: Path) -> None:
    words = ("bundle", place / "runs/phantom/default", "--notebook", "--out", tmp_path / "o.zip")
    names = ("o.zip", "predict.ipynb", "wheels.txt")
    for _ in range(2):
        printed(*words)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    for name in names:
        (tmp_path / name).write_text("dear")
    told = printed(*words, code=1)
    for name in names:
        assert f"{tmp_path / name}: exists and is not a bundle's; choose another --out" in told
        assert (tmp_path / name).read_text() == "dear"


def test_a_zip_that_leads_out_of_its_folder_is_refused(place: Path, tmp_path: Path) -> None:
    archive = shutil.copy(place / "bundle.zip", tmp_path)
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("../outside.txt", "x")
    with pytest.raises(ValueError, match=r"'\.\./outside\.txt': leaves the folder"):
        load_predictor(archive)
    assert not list(place.rglob("outside.txt"))


def test_a_bundle_holds_networks_and_no_data(place: Path, run: RunDir, tmp_path: Path) -> None:
    again = tmp_path / "again.zip"
    printed("bundle", run.path, "--out", again)
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
            told = printed(*words, code=1)
            assert "a teammate's maps (ann)" in told
            assert "raytrain ensemble JOB.yaml --remove ann" in told
    finally:
        run.ensemble.write_bytes(kept)
