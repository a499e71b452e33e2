"""Starting from other weights, with a frozen encoder, and for so many steps or samples."""

import hashlib
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from raytrain.config.competition import CompetitionSpec
from raytrain.config.framing import TilesSpec
from raytrain.config.job import JobSpec
from raytrain.config.models import SmpSpec, UNetSpec
from raytrain.config.optimizers import CosineSpec, SgdSpec
from raytrain.config.trial import LengthSpec, TrialSpec
from raytrain.data.epoch_plan import EpochPlan
from raytrain.engine.checkpoint import epoch_path, load_checkpoint, newest_checkpoint, save_weights
from raytrain.engine.reporter import SilentReporter
from raytrain.engine.schedules import rate_factors
from raytrain.engine.shipped import shipped_checkpoint
from raytrain.engine.start import start_problems, warm_start, with_content
from raytrain.engine.tasks import Fold
from raytrain.engine.tasks import make_task as job_task
from raytrain.engine.trial import Samples, run_trial
from raytrain.models import build_model, without_memory
from raytrain.runs.record import Task, task_fingerprint, write_record
from tests.arrays import report_of
from tests.runs import run_of
from tests.tiny import SPEC, make_task
from tests.unit.test_engine import Killed, KilledAfter, figures

NO_STEP = SPEC.model_copy(update={"epochs": 1, "ema": 0.0, "optimizer": SgdSpec(lr=1e-30)})


def test_training_starts_from_the_weights_of_another(
    tmp_path: Path, samples: Samples, trained: Task
) -> None:
    given = shipped_checkpoint(trained.trial_dir)
    spec = NO_STEP.model_copy(update={"init": str(given)})
    task = make_task(tmp_path / "t", samples, spec)
    run_trial(task, samples, SilentReporter())
    assert figures(task.directory)[0]["train_loss"] < figures(trained.directory)[0]["train_loss"]
    first, second = (
        load_checkpoint(p)["model"] for p in (given, shipped_checkpoint(task.trial_dir))
    )
    for name, value in first.items():
        if "running" not in name and "num_batches" not in name:
            assert torch.equal(second[name], value)
    assert write_record(task, "finished", None).notes == []


def test_a_head_for_other_classes_starts_anew_and_is_named(
    tmp_path: Path, samples: Samples, trained: Task
) -> None:
    given = shipped_checkpoint(trained.trial_dir)
    torch.manual_seed(9)
    model = build_model(SPEC.model, 1, 7, None)
    head = model.state_dict()["head.weight"].clone()
    assert (
        warm_start(model, TrialSpec(init=str(given)))
        == "layers that last.pt does not contain, so they start at random: head"
    )
    assert torch.equal(model.state_dict()["head.weight"], head)
    state = load_checkpoint(given)["model"]
    assert torch.equal(model.state_dict()["down.0.0.weight"], state["down.0.0.weight"])
    deeper = NO_STEP.model_copy(update={"init": str(given), "model": UNetSpec(width=4, depth=3)})
    task = make_task(tmp_path / "t", samples, deeper)
    run_trial(task, samples, SilentReporter())
    (note,) = write_record(task, "finished", None).notes
    assert note.startswith(
        "layers that last.pt does not contain, so they start at random: down.3.0, "
    )


def test_a_start_that_cannot_be_is_refused_with_its_reason(tmp_path: Path, trained: Task) -> None:
    def problems(model: UNetSpec | SmpSpec, **parts: object) -> list[str]:
        spec = TrialSpec.model_validate({"model": model.model_dump(), **parts})
        return start_problems(spec, without_memory(model, 1, 4))

    given = str(shipped_checkpoint(trained.trial_dir))
    assert problems(UNetSpec(width=4, depth=2), init=given) == []
    assert "none of the weights" in problems(UNetSpec(width=5, depth=2), init=given)[0]
    assert "trial.init" in problems(UNetSpec(), init=str(tmp_path / "no.pt"))[0]
    assert "has no separate encoder" in problems(UNetSpec(), freeze_encoder=1)[0]
    assert problems(SmpSpec(), freeze_encoder=1) == []
    other = problems(UNetSpec(width=4, depth=2), init=given, init_sha256="0" * 64)
    assert "has changed since its SHA-256 was 000000000000" in other[0]


def test_what_a_start_holds_is_in_the_fingerprint(
    tmp_path: Path, samples: Samples, trained: Task
) -> None:
    """The same path with other weights is another trial; the same weights elsewhere are not told
    from these by their digest."""
    folder = trained.trial_dir.checkpoints
    given = tmp_path / "start.pt"
    digests = []
    for epoch in (3, 4):
        save_weights(given, load_checkpoint(epoch_path(folder, epoch)), {})
        spec = with_content(TrialSpec(init=str(given)))
        assert spec.init_sha256 == hashlib.sha256(given.read_bytes()).hexdigest()
        digests.append(task_fingerprint(spec, "data", "split", 1))
    assert digests[0] != digests[1]
    assert with_content(TrialSpec(init=str(tmp_path / "none.pt"))).init_sha256 is None


@pytest.mark.slow
def test_a_frozen_encoder_stays_and_then_learns(tmp_path: Path, samples: Samples) -> None:
    """Weights and running statistics; and a resume at the thaw is bit for bit the same."""
    spec = TrialSpec(
        model=SmpSpec(decoder="linknet", encoder="tu-test_resnet"),
        epochs=3, batch_size=5, augmentation="none", freeze_encoder=2, ema=0.5,
    )  # fmt: skip
    whole, parts = (make_task(tmp_path / part, samples, spec) for part in ("whole", "parts"))
    run_trial(whole, samples, SilentReporter())
    for epoch in (1, 2):
        with pytest.raises(Killed):
            run_trial(parts, samples, KilledAfter(epoch))
    second = newest_checkpoint(parts.trial_dir.checkpoints)
    assert second is not None
    torch.manual_seed(spec.seed)
    start = build_model(spec.model, 1, 4, None).state_dict()
    moved = {n for n, v in second["train_model"].items() if not torch.equal(v, start[n])}
    assert moved
    assert not any(".encoder." in name for name in moved)
    run_trial(parts, samples, SilentReporter())
    assert figures(whole.directory) == figures(parts.directory)
    last = load_checkpoint(epoch_path(whole.trial_dir.checkpoints, 3))["train_model"]
    learned = {name for name, value in last.items() if not torch.equal(value, start[name])}
    assert {
        f"network.encoder.model.conv1.{name}" for name in ("0.weight", "1.running_mean")
    } <= learned


def test_steps_and_samples_become_whole_epochs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"id": f"s{n}", "height": 32, "width": 48} for n in range(10)]
    report = report_of(rows, ("background", "organ"))
    competition = CompetitionSpec(name="t", data="folder", classes=("background", "organ"))

    def made(**parts: object) -> TrialSpec:
        spec = TrialSpec.model_validate({"batch_size": 4, "model": {"depth": 2}, **parts})
        ids = tuple(f"s{n}" for n in range(10))
        job = JobSpec(competition=competition)
        return job_task(
            run_of(tmp_path, report, job), "train", spec, Fold("split", ids, ()), 1
        ).spec

    # 10 images are 3 steps of at most 4.
    assert made(length={"steps": 12}) == made(epochs=4)
    assert made(length={"steps": 13}) == made(epochs=5, last_epoch_share=0.4)
    assert made(length={"samples": 46}) == made(epochs=5, last_epoch_share=0.6)
    assert made(length={"steps": 1}) == made(epochs=1, last_epoch_share=0.4)
    assert made(length={"steps": 60}, copies=1).epochs == 12
    # Each image is two tiles.
    tiles = TilesSpec(height=32, width=32, overlap=0.0)
    assert made(length={"samples": 60}, framing=tiles).epochs == 3
    told = capsys.readouterr().out
    assert "trial.length: 3 epochs with 5 steps (20 samples) each\n" in told
    last = ", but 2 steps (6 samples) in the last epoch\n"
    assert f"trial.length: 5 epochs with 3 steps (10 samples) each{last}" in told
    for length in ({"steps": 12}, {"samples": 46}, None):
        with pytest.raises(ValueError, match="drop_last: 10 windows do not fill a batch of 16"):
            made(length=length, batch_size=16, drop_last=True)
    with pytest.raises(ValueError, match="give either steps or samples"):
        LengthSpec(steps=3, samples=4)


def test_training_ends_in_the_step_that_is_asked_for(tmp_path: Path, samples: Samples) -> None:
    """13 steps and 46 samples of 10 images in steps of 4; and the schedule ends with them."""
    for share, images in ((0.4, 4), (0.6, 6)):
        spec = SPEC.model_copy(update={"epochs": 3, "last_epoch_share": share})
        task = make_task(tmp_path / str(share), samples, spec)
        run_trial(task, samples, SilentReporter())
        assert [row["images"] for row in figures(task.directory)] == [10, 10, images]
    # The third epoch has but 1 of 3 steps: 7 in all, of which the cosine has seen 6.
    full = [rate_factors(CosineSpec(), 3, 7, [{}] * epoch) for epoch in range(3)]
    assert [len(part) for part in full] == [3, 3, 1]
    assert full[2] == [pytest.approx((1 + math.cos(math.pi * 6 / 7)) / 2)]
    for world in (1, 2, 3):
        plans = [EpochPlan(spec, np.ones(10, bool), rank, world) for rank in range(world)]
        assert {(plan.steps, plan.total_steps) for plan in plans} == {(3, 8)}
        for plan in plans:
            plan.epoch = 3
        parts = [list(plan) for plan in plans]
        assert all(len(part) == len(plans[0]) == 2 for part in parts)
        assert sum(step.counted for part in parts for step in part) == 6


def test_a_relative_checkpoint_is_the_drivers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{"id": "s0", "height": 32, "width": 48}]
    report = report_of(rows, ("background", "organ"))
    competition = CompetitionSpec(name="t", data="folder", classes=("background", "organ"))
    job, spec = JobSpec(competition=competition), TrialSpec(init="a/last.pt")
    task = job_task(run_of(tmp_path, report, job), "train", spec, Fold("split", ("s0",), ()), 1)
    assert task.spec.init == str(tmp_path / "a" / "last.pt")
