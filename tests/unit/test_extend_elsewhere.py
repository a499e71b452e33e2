"""`extend`: a user's file travels with checkpoints, bundles, specs and launched jobs."""

import pickle
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from raytrain.config.load import load_job
from raytrain.engine.checkpoint import save_weights
from raytrain.ensemble.predictor import load_predictor
from raytrain.ensemble.source import Source, write_bundle
from raytrain.losses import build_loss
from raytrain.metrics import score
from raytrain.metrics.evidence import Evidence
from raytrain.models import build_model
from raytrain.models.tensors import load_tensors
from raytrain.runs.bundle import Bundle, BundleMember
from raytrain.runs.extensions import keep_extensions, write_job
from raytrain.runs.files import write_bytes
from raytrain.runs.layout import RunDir
from tests.commands import quick_processes
from tests.unit.own_job import layers


def elsewhere(call: Callable[..., object], *given: object) -> Any:
    """Return what a function of this module returns in a process that has read no file of the
    user's."""
    with ProcessPoolExecutor(1, quick_processes()) as pool:
        return pool.submit(call, *given).result(timeout=120)


def _predict(checkpoint: Path, trust: bool) -> str:
    try:
        return str(tuple(load_predictor(checkpoint, trust)(torch.zeros(1, 1, 8, 8)).shape))
    except ValueError as error:
        return str(error)


@pytest.mark.slow
def test_a_checkpoint_in_its_run_brings_its_file_along(own_folder: Path) -> None:
    run = RunDir(own_folder / "run")
    spec = load_job(own_folder / "job.yaml").trial
    keep_extensions(run)
    card = {
        "spec": spec.model_dump(mode="json"), "target": "single_label", "channels": 1,
        "classes": ["background", "organ"], "size": [8, 8], "dtype": "uint8",
        "scaling": {"mean": [0.0], "std": [1.0], "per_image": False},
    }  # fmt: skip
    state = {"model": build_model(spec.model, 1, 2, None).state_dict(), "epoch": 1}
    here, moved = run.trial("abc").checkpoints / "last.pt", own_folder / "elsewhere" / "last.pt"
    told = []
    for place, trust in ((here, True), (moved, True), (here, False)):
        save_weights(place, state, card)
        told.append(elsewhere(_predict, place, trust))
    assert told[0] == "(1, 2, 8, 8)"
    assert "two_convolutions is defined in a Python file that is not loaded here" in told[1]
    assert "extend_from([Path('my.py')])" in told[1]
    [kept] = run.extend.glob("*/own_parts.py")
    assert f"to run them, add --trust or name them in the job's `extend`\n  {kept}" in told[2]


@pytest.mark.slow
def test_a_bundle_brings_the_files_of_its_cards_along(own_folder: Path) -> None:
    run = RunDir(own_folder / "run")
    spec = load_job(own_folder / "job.yaml").trial
    keep_extensions(run)
    unused = run.extend / "0123456789ab" / "other.py"
    write_bytes(unused, b"MODELS = {}")
    card = {
        "spec": spec.model_dump(mode="json"), "target": "single_label", "channels": 1,
        "classes": ["background", "organ"], "size": [8, 8], "dtype": "uint8",
        "scaling": {"mean": [0.0], "std": [1.0], "per_image": False},
    }  # fmt: skip
    state = {"model": build_model(spec.model, 1, 2, None).state_dict(), "epoch": 1}
    path = run.trial("abc").checkpoints / "last.pt"
    save_weights(path, {**state, "optimizer": {"step": 7}}, card)
    name = str(path.relative_to(run.path))
    bundle = Bundle(
        raytrain="0", competition="c", run="r", classes=("background", "organ"),
        target="single_label", channels=1, dtype="uint8",
        members=(BundleMember(name="own", weight=1, networks=(name,)),),
    )  # fmt: skip
    written = own_folder / "bundle"
    write_bundle(Source(run.path, bundle), written)
    shutil.rmtree(run.path)
    told = []
    for trust in (True, False):
        told.append(elsewhere(_predict, written, trust))
    assert told[0] == "(1, 2, 8, 8)"
    [kept] = (written / "extend").glob("*/*")
    assert kept.name == "own_parts.py"
    assert f"to run them, add --trust or name them in the job's `extend`\n  {kept}" in told[1]
    assert {*load_tensors(written / name)} == {"model", "epoch"}
    kept.write_text("print('other')\n")
    with pytest.raises(ValueError, match=r"own_parts\.py: changed since the bundle was written"):
        load_predictor(written, trust=True)


def _figures(content: bytes) -> tuple[list[str], float, float]:
    """Return layers, loss and score of a pickled job."""
    job = pickle.loads(content)
    loss = build_loss(job.trial.loss, "single_label", (1, 3))
    value = float(loss(torch.zeros(1, 2, 2, 2), torch.tensor([[[0, 1], [1, 1]]])))
    figure = score(job.competition.metric, Evidence(np.array([[[9, 0, 0], [2, 1, 1]]])))
    return layers(job), value, figure


@pytest.mark.slow
def test_specs_travel_with_their_file(own_folder: Path) -> None:
    content = pickle.dumps(load_job(own_folder / "job.yaml"))
    shutil.rmtree(own_folder / "mine")
    found = elsewhere(_figures, content)
    expected = np.log(2) + 0.5 * -np.mean(np.log([2 / 4, 4 / 6]))
    assert found == (["Conv2d", "ReLU", "Conv2d"], pytest.approx(expected), pytest.approx(4 / 6))


def test_a_launched_job_takes_its_file_along(own_folder: Path, tmp_path: Path) -> None:
    job = load_job(own_folder / "job.yaml")
    target = tmp_path / "there"
    target.mkdir()
    write_job(job, target)
    shutil.rmtree(own_folder / "mine")
    again = load_job(target / "job.yaml")
    assert again.model_copy(update={"extend": job.extend}) == job
