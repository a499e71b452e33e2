"""Which weights a training ships, which checkpoints it keeps and when it ends early."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from raytrain.config.shipping import (
    AverageBestSpec,
    BestSpec,
    BetterSpec,
    EarlyStopSpec,
    EpochsSpec,
    KeepSpec,
    LastSpec,
    OneShip,
    ShipSpec,
    SwaSpec,
)
from raytrain.config.trial import TrialSpec
from raytrain.data.dataset import train_loader
from raytrain.engine.checkpoint import epoch_path, load_checkpoint
from raytrain.engine.reporter import SilentReporter
from raytrain.engine.shipped import read_shipped, shipped_checkpoint
from raytrain.engine.training_images import task_scaling
from raytrain.engine.trial import Samples, run_trial
from raytrain.ensemble.prediction import member_probabilities
from raytrain.models import build_model
from raytrain.runs.chosen_epochs import early_end, kept_epochs, shipped_epochs
from raytrain.runs.history import read_history
from raytrain.runs.record import Task, write_record
from tests.tiny import SPEC, make_task
from tests.unit.test_engine import Killed, KilledAfter, figures
from tests.unit.test_parallel import train_on

SCORES = (0.1, 0.5, 0.4, 0.5, 0.3, 0.45)
ROWS = [
    {"epoch": epoch, "val_score": score, "val_loss": abs(epoch - 5), "train_loss": 1 / epoch}
    for epoch, score in enumerate(SCORES, 1)
]
KINDS: list[tuple[OneShip, tuple[int, ...]]] = [
    (LastSpec(), (6,)),
    (BestSpec(), (2,)),
    (BestSpec(watch="val_loss"), (5,)),
    (AverageBestSpec(count=3), (2, 4, 6)),
    (SwaSpec(start=0.5), (5, 6)),
    (SwaSpec(start=0.9), (6,)),
    (EpochsSpec(at=(2, 3)), (2, 3)),
]


@pytest.mark.parametrize(("kind", "epochs"), KINDS, ids=lambda value: getattr(value, "label", ""))
def test_epochs_that_are_shipped(kind: OneShip, epochs: tuple[int, ...]) -> None:
    assert shipped_epochs(kind, ROWS, 8) == epochs


@pytest.mark.parametrize(
    ("stop", "end"),
    [
        (EarlyStopSpec(patience=2), 4),
        (EarlyStopSpec(patience=4), 6),
        (EarlyStopSpec(patience=5), None),
        (EarlyStopSpec(patience=1, min_delta=0.35), 2 + 1),
        (EarlyStopSpec(patience=1, watch="val_loss"), 6),
        (EarlyStopSpec(patience=2, watch="train_loss"), None),
        (None, None),
    ],
)
def test_the_first_epoch_without_hope(stop: EarlyStopSpec | None, end: int | None) -> None:
    ends = [n for n in range(1, len(ROWS) + 1) if early_end(stop, ROWS[:n])]
    assert (ends[0] if ends else None) == end


def test_checkpoints_that_are_kept() -> None:
    def kept(rows: int = 6, **parts: object) -> set[int]:
        return kept_epochs(SPEC.model_copy(update=parts), ROWS[:rows])

    assert kept() == {2, 5, 6}
    assert kept(keep=KeepSpec(last=3)) == {2, 4, 5, 6}
    # Epochs 2, 4 and 6 are the best three; before the last epoch 2, 3 and 4 were.
    assert kept(keep=KeepSpec(best=3)) == kept(ship=AverageBestSpec(count=3)) == {2, 3, 4, 5, 6}
    assert kept(keep=KeepSpec(every=3)) == {2, 3, 5, 6}
    assert kept(ship=SwaSpec(start=0)) == {2, 5, 6}
    assert kept(ship=EpochsSpec(at=(1, 3))) == {1, 2, 3, 5, 6}
    assert kept(1) == {1}


def _state(task: Task, kind: OneShip) -> dict[str, torch.Tensor]:
    return load_checkpoint(task.trial_dir.checkpoints / f"{kind.label}.pt")["model"]


def _trained(folder: Path, samples: Samples, ship: ShipSpec, **parts: object) -> Task:
    spec = SPEC.model_copy(update={"ship": ship, "keep": KeepSpec(every=1), **parts})
    task = make_task(folder, samples, spec)
    run_trial(task, samples, SilentReporter())
    return task


def _mean_by_hand(
    task: Task, samples: Samples, epochs: Sequence[int], rank: int = 0, world: int = 1
) -> nn.Module:
    """The mean of the epochs' weights; each BatchNorm given the mean statistics of the batches that
    this worker has."""
    folder = task.trial_dir.checkpoints
    states = [load_checkpoint(epoch_path(folder, epoch))["model"] for epoch in epochs]
    model = build_model(task.spec.model, 1, 4, None)
    model.load_state_dict({key: states[0][key] for key in states[0]})
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(sum(state[name] for state in states) / len(states))
    rows = samples.cache.rows(task.train_ids)
    scaling = task_scaling(task.spec, samples.report, rows)
    loader, plan = train_loader(samples.cache, rows, scaling, task.spec, rank, world, 0)
    plan.epoch = task.spec.epochs + 1
    norms = [part for part in model.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    model.train()
    torch.manual_seed(task.spec.seed)
    with torch.no_grad():
        for batch in loader:
            if batch.counted:
                model(batch.image_BCHW)
    return model.eval()


@pytest.mark.slow
def test_the_mean_of_weights_is_that_by_hand(tmp_path: Path, samples: Samples) -> None:
    kinds = {SwaSpec(start=0.25): (2, 3, 4), EpochsSpec(at=(1, 3)): (1, 3)}
    task = _trained(tmp_path / "t", samples, BetterSpec(of=tuple(kinds)))
    for kind, epochs in kinds.items():
        assert read_shipped(task.trial_dir).kinds[kind.label]["epochs"] == list(epochs)
        expected = _mean_by_hand(task, samples, epochs).state_dict()
        found = _state(task, kind)
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_statistics_of_a_mean_are_those_of_all_workers(tmp_path: Path, samples: Samples) -> None:
    """10 images in steps of 3 on two workers: in the last step the second has none."""
    kind = SwaSpec(start=0.25)
    spec = SPEC.model_copy(
        update={"ship": kind, "keep": KeepSpec(every=1), "epochs": 2, "batch_size": 3, "ema": 0.0}
    )
    task = train_on(2, tmp_path, samples, spec)
    ranks = [_mean_by_hand(task, samples, (1, 2), rank, 2).state_dict() for rank in (0, 1)]
    found = _state(task, kind)
    statistics = [name for name in found if name.endswith(("running_mean", "running_var"))]
    assert statistics
    for name in statistics:
        # The first worker has seen 4 batches, the second 3.
        expected = (4 * ranks[0][name] + 3 * ranks[1][name]) / 7
        torch.testing.assert_close(found[name], expected, rtol=1e-4, atol=1e-5)


def test_the_better_of_several_kinds_is_shipped(tmp_path: Path, samples: Samples) -> None:
    kinds = (LastSpec(), BestSpec(), AverageBestSpec(count=2), SwaSpec(start=0.5))
    task = _trained(tmp_path / "t", samples, BetterSpec(of=kinds))
    rows = figures(task.directory)
    shipped = read_shipped(task.trial_dir)
    assert list(shipped.kinds) == [kind.label for kind in kinds]
    scores = {label: kind["val_score"] for label, kind in shipped.kinds.items()}
    assert scores["last"] == rows[-1]["val_score"]
    assert scores["best_val_score"] == max(row["val_score"] for row in rows)
    assert scores[shipped.kind] == max(scores.values())
    assert shipped_checkpoint(task.trial_dir).name == f"{shipped.kind}.pt"
    assert write_record(task, "finished", None).shipped == {
        "kind": shipped.kind,
        "kinds": shipped.kinds,
    }
    checkpoint = shipped_checkpoint(task.trial_dir)
    (only,) = member_probabilities(checkpoint, samples.cache, task.val_ids[:1])
    assert only.shape == (4, 96, 96)


@pytest.mark.slow
def test_a_resumed_training_ends_early_and_ships_the_same(tmp_path: Path, samples: Samples) -> None:
    """The early end's counter and both averages go on where they were, bit for bit."""
    kinds = BetterSpec(of=(SwaSpec(start=0.1), AverageBestSpec(count=3)))
    spec = SPEC.model_copy(
        update={
            "epochs": 9,
            "ship": kinds,
            "stop": EarlyStopSpec(patience=3, min_delta=0.9),
        }
    )
    whole, parts = (make_task(tmp_path / part, samples, spec) for part in ("whole", "parts"))
    run_trial(whole, samples, SilentReporter())
    for epoch in (2, 3, 4):  # after the last one nothing is left to train, only to ship
        with pytest.raises(Killed):
            run_trial(parts, samples, KilledAfter(epoch))
        assert not parts.trial_dir.shipped.is_file()
    run_trial(parts, samples, SilentReporter())
    assert [row["epoch"] for row in figures(parts.directory)] == [1, 2, 3, 4]
    assert figures(whole.directory) == figures(parts.directory)
    assert read_shipped(whole.trial_dir) == read_shipped(parts.trial_dir)
    for kind in kinds.of:
        first, second = _state(whole, kind), _state(parts, kind)
        assert all(torch.equal(first[name], second[name]) for name in first)
    reason = "ended early: val_score has not improved since epoch 1"
    assert write_record(parts, "finished", None).reason == reason


def test_training_ends_where_it_is_told_at_the_rates_of_the_whole(
    tmp_path: Path, samples: Samples, trained: Task
) -> None:
    part = _trained(tmp_path / "part", samples, LastSpec(), until=2)
    assert figures(part.directory) == figures(trained.directory)[:2]


@pytest.mark.parametrize("ship", [BestSpec(), AverageBestSpec(), BetterSpec()])
def test_choosing_epochs_needs_validation(tmp_path: Path, samples: Samples, ship: ShipSpec) -> None:
    spec = SPEC.model_copy(update={"ship": ship, "epochs": 1})
    task = replace(make_task(tmp_path / "t", samples, spec), val_ids=())
    with pytest.raises(ValueError, match=r"trial\.ship: .* needs validation images"):
        run_trial(task, samples, SilentReporter())
    with pytest.raises(ValueError, match="has not ended"):
        shipped_checkpoint(task.trial_dir)
    assert len(read_history(task.trial_dir.history)) == 1


def test_a_kind_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="training ends after epoch 5"):
        TrialSpec(epochs=9, until=5, ship=EpochsSpec(at=(3, 6)))
    with pytest.raises(ValueError, match="rising"):
        EpochsSpec(at=(3, 2))
    with pytest.raises(ValueError, match="list each kind of weights once"):
        BetterSpec(of=(LastSpec(), LastSpec()))
