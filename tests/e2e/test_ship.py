"""Which networks predict the test images, and the mask that they make."""

from pathlib import Path

import numpy as np
import pytest

from raytrain.config.job import JobSpec
from raytrain.config.load import load_job
from raytrain.data.decode import decode_mask
from raytrain.data.report import read_report
from raytrain.engine.trial import open_samples
from raytrain.engine.views import views_of
from raytrain.ensemble.prediction import member_probabilities
from raytrain.metrics.decide import mask_of
from raytrain.pipeline.evaluate import evaluate
from raytrain.pipeline.run import run
from raytrain.runs.ensemble import Ensemble, read_ensemble
from raytrain.runs.layout import RunDir, run_dir
from raytrain.runs.record import read_records
from tests.support import write_job


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ship")
    return write_job(
        folder, folder / "runs", trial={"epochs": 2}, search={"trials": 2}, cv={"candidates": 2},
        finalize={"epochs": 2},
    )  # fmt: skip


def ran(job: Path, *changes: str) -> tuple[JobSpec, RunDir, Ensemble]:
    """Run the job in this process."""
    spec = load_job(job, list(changes)).at("local")
    folder = run_dir(spec)
    run(spec, folder, "local")
    return spec, folder, read_ensemble(folder)


def stations(folder: RunDir) -> list[str]:
    return sorted(record.station for record in read_records(folder))


def expected_masks(folder: RunDir, ensemble: Ensemble) -> dict[str, np.ndarray]:
    """The masks by a plain loop over members, networks and images."""
    ids = read_report(folder.data_report).ids("test")
    # Images of one shard share their batches.
    maps = [0.0] * len(ids)
    total = 0
    cache = open_samples(folder).cache
    for member, weight, views in ensemble.members:
        total += weight
        for network in member.networks:
            for start in range(0, len(ids), 32):
                part = ids[start : start + 32]
                found = member_probabilities(
                    folder.path / network.checkpoint, cache, part, views_of(views)
                )
                for place, prob_KHW in enumerate(found, start):
                    maps[place] = maps[place] + weight * prob_KHW / len(member.networks)
    steps = ensemble.chosen.steps
    return {
        id: mask_of(np.asarray(prob_KHW / total, np.float32), "single_label", steps)
        for id, prob_KHW in zip(ids, maps, strict=True)
    }


@pytest.mark.parametrize(
    ("ship", "networks", "finals"), [("retrained", 1, 1), ("folds", 2, 1), ("both", 3, 1)]
)
def test_the_networks_that_are_shipped_make_the_masks(
    job: Path, ship: str, networks: int, finals: int
) -> None:
    _, folder, ensemble = ran(job, f"finalize.ship={ship}", "finalize.members=1")
    [(member, _, _)] = ensemble.members
    assert len(member.networks) == networks
    assert stations(folder) == ["cv"] * 4 + ["final"] * finals + ["search"] * 2
    for id, mask_HW in expected_masks(folder, ensemble).items():
        np.testing.assert_array_equal(decode_mask(folder.mask(id)), mask_HW)


def test_the_models_of_the_folds_need_no_further_training(job: Path) -> None:
    _, folder, ensemble = ran(job, "finalize.ship=folds", "run=folds")
    assert stations(folder) == ["cv"] * 4 + ["search"] * 2
    assert {len(member.networks) for member, _, _ in ensemble.members} == {2}


def test_without_folds_the_best_trial_is_the_ensemble(job: Path) -> None:
    _, folder, ensemble = ran(
        job, "folds=none", "finalize.members=1", "run=none", "finalize.epochs=null"
    )
    assert stations(folder) == ["search"] * 2
    [(member, weight, views)] = ensemble.members
    assert (weight, views, ensemble.chosen.steps, len(ensemble.nested)) == (1, (), (), 1)
    [network] = member.networks
    best = max(read_records(folder), key=lambda record: record.best["val_score"])
    assert network.fingerprint == best.fingerprint
    assert ensemble.oof["images"] == len(read_report(folder.data_report).ids("val"))
    # The weights of the last epoch are shipped, and scored.
    assert ensemble.oof["score"] == pytest.approx(best.last["val_score"], abs=1e-3)
    assert len(expected_masks(folder, ensemble)) == 40
    assert folder.submission.is_file()


def test_evaluation_and_score_are_of_the_same_masks(job: Path) -> None:
    _, folder, ensemble = ran(job, "finalize.ship=folds", "run=folds")
    found = evaluate(folder).sets
    sizes = np.array([each.images for each in found.values()])
    dice = np.array([each.table["dice"] for each in found.values()])
    mean = (sizes[:, None] * dice).sum(0) / sizes.sum()
    assert mean[1:].tolist() == pytest.approx(ensemble.oof["per_class"], rel=1e-9)
