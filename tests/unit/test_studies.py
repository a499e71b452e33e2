"""The source systems' studies: whole grids, and every value of every factor takes its steps."""

from functools import cache
from pathlib import Path

import pytest

from raytrain.config.competition import CompetitionSpec
from raytrain.config.framing import ResizeSpec
from raytrain.config.job import JobSpec
from raytrain.config.load import load_job
from raytrain.config.losses import loss_problems
from raytrain.config.models import ModelSpec, UNetSpec
from raytrain.config.schedulers import NoSchedulerSpec
from raytrain.config.search import SearchSpec
from raytrain.config.space import LISTS, count_cells
from raytrain.config.space_draws import grid_trials
from raytrain.config.study import choice_label
from raytrain.config.trial import TrialSpec
from raytrain.data.report import write_report
from raytrain.engine.trial import Samples
from raytrain.models import refusal
from raytrain.runs.layout import RunDir
from raytrain.search.smoke import EPOCHS, WIDTH, _small, smoke
from tests.model_cases import SYSTEMS
from tests.runs import run_of
from tests.tiny import SPEC

STUDIES = sorted((Path(__file__).parents[2] / "jobs" / "studies").glob("*.yaml"))


@cache
def _job(path: Path, profile: str | None) -> JobSpec:
    return load_job(path, profile=profile)


@cache
def _specs(path: Path, profile: str | None) -> list[TrialSpec]:
    job = _job(path, profile)
    return grid_trials(job.search.space, job.trial, 1000, 0)


PROFILES = [(path, profile) for path in STUDIES for profile in (None, "laptop")]


@pytest.mark.parametrize(
    ("path", "profile"), PROFILES, ids=lambda value: getattr(value, "stem", "")
)
def test_a_study_is_its_whole_grid_and_named_after_its_row(path: Path, profile: str | None) -> None:
    job = _job(path, profile)
    search = job.search
    assert search.sampler.name == "grid"
    assert search.trials == count_cells(search.space, LISTS)
    assert len(_specs(path, profile)) == search.trials
    assert job.run == (path.stem if profile is None else f"{path.stem}_{profile}")
    system = path.stem[0].upper()
    first = path.read_text().splitlines()[0]
    assert first.startswith(f"# Source system {system}, row")


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_stated_figure_has_its_choice(path: Path) -> None:
    """Otherwise the table has no cell for it; and no two choices look the same in it."""
    job = _job(path, None)
    factors = tuple(job.search.space)
    labels = [
        {factor: choice_label(spec, factor) for factor in factors} for spec in _specs(path, None)
    ]
    assert len({tuple(each.values()) for each in labels}) == len(labels)
    assert job.study is not None
    for stated in job.study.figures:
        assert len([each for each in labels if stated.at.items() <= each.items()]) == 1, stated.at
        assert set(stated.at) == set(factors)
        assert all(0 < figure < 1 for figure in stated.figures.values())


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_laptop_needs_no_gpu_and_downloads_nothing(path: Path) -> None:
    assert _job(path, "laptop").resources.gpus == 0
    for spec in _specs(path, "laptop"):
        assert getattr(spec.model, "weights", None) is None


@cache
def _refusal(model: ModelSpec, channels: int, classes: int, side: int) -> str | None:
    return refusal(model, channels, classes, side, side)


SIDES = {"cardiac": (1, 96), "neuro": (1, 256), "polyp": (3, 128)}
"""Competition -> channels, and the side of an image in px."""


def _id(value: Path | str | None) -> str:
    return value.stem if isinstance(value, Path) else value or "full"


@pytest.mark.slow
@pytest.mark.parametrize(("path", "profile"), PROFILES, ids=_id)
def test_the_networks_and_losses_of_a_study_fit_its_images(path: Path, profile: str | None) -> None:
    job = _job(path, profile)
    channels, side = SIDES[job.competition.name]
    classes = len(job.competition.classes)
    specs = _specs(path, profile)
    for model in {spec.model for spec in specs}:
        framing = job.trial.framing
        side = framing.height if isinstance(framing, ResizeSpec) else side
        if model not in SYSTEMS:  # those are tried elsewhere
            assert _refusal(model, channels, classes, side) is None
    for loss in {spec.loss for spec in specs}:
        assert loss_problems(loss, job.competition.target, classes) == []


def test_the_rows_of_the_systems_are_there() -> None:
    rows = {path.stem.split("_")[0] for path in STUDIES}
    assert rows == {
        "a1", "a3", "a4", "b1", "b2", "b4", "b6", "b7", "b8", "b9", "b10", "c2", "c6", "c7", "d4",
        "d6", "d8", "e3", "e4",
    }  # fmt: skip


def _smoke(samples: Samples, folder: Path, space: dict[str, object]) -> str:
    run = RunDir(folder / "run")
    write_report(run.data_report, samples.report)
    competition = CompetitionSpec(
        name="p", data="d", classes=("bg", "rv", "myo", "lv"), group="(N+1)//2"
    )
    search = SearchSpec(space=space, scheduler=NoSchedulerSpec())
    job = JobSpec(competition=competition, trial=SPEC, search=search)
    text = smoke(run_of(run, samples.report, job)).text
    assert {path.name for path in run.path.iterdir()} == {"data.json", "samples.parquet"}
    return text


def test_every_value_of_every_factor_takes_its_steps(samples: Samples, tmp_path: Path) -> None:
    space: dict[str, object] = {
        "model": {"grid": [{"name": "unet", "width": 4, "depth": {"grid": [1, 2]}}]},
        "loss": {"choice": [[{"name": "dice"}], [{"name": "focal"}], [{"name": "bce"}]]},
        "batch_size": {"grid": [1, 2, 64]},
        "epochs": {"grid": [100, 300]},
        "ship": {"grid": [{"name": "last"}, {"name": "best"}]},
        "stop": {"grid": [None, {"patience": 5}]},
        "schedule": {"grid": [{"name": "constant"}, {"name": "plateau", "patience": 1}]},
    }
    text = _smoke(samples, tmp_path, space)
    assert text.startswith(
        "smoke: 3 trials cover every value of model, loss, batch_size, epochs, ship, stop, "
        "schedule;"
    )
    assert text.endswith("trained for at least 2 steps")


def test_networks_are_narrow_unless_their_width_is_a_factor() -> None:
    wide = SPEC.model_copy(update={"model": UNetSpec(width=64, depth=6)})
    for space, width in (
        ({"model.depth": {"grid": [6]}}, WIDTH),
        ({"model.width": {"grid": [64]}}, 64),
        ({"model": {"grid": [{"name": "unet", "width": 64}]}}, 64),
    ):
        small = _small(wide, space)
        assert small.model == UNetSpec(width=width, depth=6)
        assert small.epochs == EPOCHS


def test_a_batch_may_be_larger_than_the_few_images(samples: Samples, tmp_path: Path) -> None:
    space: dict[str, object] = {"batch_size": {"grid": [2, 8]}, "drop_last": {"grid": [True]}}
    text = _smoke(samples, tmp_path, space)
    assert text.startswith("smoke: 2 trials")
    assert text.endswith("for at least 2 steps")


def test_a_value_that_cannot_train_is_named(samples: Samples, tmp_path: Path) -> None:
    space: dict[str, object] = {
        "optimizer": {
            "grid": [{"name": "adam", "lr": 1e-3}, {"name": "sgd", "lr": 1e30, "momentum": 0.9}]
        },
        "ema": {"grid": [0.0]},
    }
    with pytest.raises(ValueError, match=r"smoke: 1 of 2 trials failed; .*\n  search_.*lr1e\+30"):
        _smoke(samples, tmp_path, space)
