"""Rates, decay, momentum and clipping that change in the course of a training."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from raytrain.config.changes import ChangeSpec
from raytrain.config.errors import problems_of
from raytrain.config.optimizers import AdamSpec, ConstantSpec, OptimizerSpec, RmsPropSpec, SgdSpec
from raytrain.config.trial import TrialSpec
from raytrain.engine.checkpoint import newest_checkpoint
from raytrain.engine.optimizers import build_optimizer, set_numbers
from raytrain.engine.reporter import SilentReporter
from raytrain.engine.trial import Samples, run_trial
from raytrain.pipeline.tasks import prepare
from raytrain.runs.history import read_history
from raytrain.runs.layout import RunDir
from tests.tiny import SPEC, make_task
from tests.unit.test_engine import Killed, KilledAfter, figures

CHANGES = (
    ChangeSpec(after=1, values={"optimizer.lr": 1e-3, "clip_norm": 0.5}),
    ChangeSpec(after=3, values={"optimizer.weight_decay": 0.1}),
)


def test_what_holds_in_each_epoch() -> None:
    spec = TrialSpec(optimizer=AdamSpec(lr=1e-2), clip_norm=2.0, changes=CHANGES)
    found = [
        (at.optimizer.lr, at.optimizer.weight_decay, at.clip_norm)
        for at in map(spec.at, (1, 2, 3, 4, 60))
    ]
    assert found == [
        (1e-2, 0.0, 2.0), (1e-3, 0.0, 0.5), (1e-3, 0.0, 0.5), (1e-3, 0.1, 0.5), (1e-3, 0.1, 0.5),
    ]  # fmt: skip


def test_in_a_shorter_training_changes_come_in_proportion() -> None:
    spec = TrialSpec(epochs=60, changes=(*CHANGES, ChangeSpec(after=30, values={"clip_norm": 1})))
    halved, third = spec.laid_out_for(30), spec.laid_out_for(20)
    assert [(change.after, change.values) for change in halved.changes] == [
        (1, CHANGES[0].values),
        (2, CHANGES[1].values),
        (15, {"clip_norm": 1}),
    ]
    both = CHANGES[0].values | CHANGES[1].values
    assert [(change.after, change.values) for change in third.changes] == [
        (1, both),
        (10, {"clip_norm": 1}),
    ]
    assert third.epochs == 20
    assert [change.after for change in spec.laid_out_for(2).changes] == [1]
    assert spec.laid_out_for(1).changes == ()
    assert TrialSpec.model_validate(third.model_dump(mode="json")) == third


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (AdamSpec(decay_on="weights"), AdamSpec(lr=0.1, weight_decay=0.3, decay_on="weights")),
        (SgdSpec(lr=1e-2), SgdSpec(lr=0.1, momentum=0.5, weight_decay=0.01)),
        (RmsPropSpec(momentum=0.9), RmsPropSpec(momentum=0.3, lr=0.2)),
    ],
)  # fmt: skip
def test_an_optimizer_goes_on_as_torch_does_when_its_groups_are_set(
    old: OptimizerSpec, new: OptimizerSpec
) -> None:
    models = [nn.Conv2d(1, 2, 3), nn.Conv2d(1, 2, 3)]
    models[1].load_state_dict(models[0].state_dict())
    first, second = (build_optimizer(old, model) for model in models)
    image = torch.randn(2, 1, 8, 8)
    for step in range(6):
        if step == 3:
            set_numbers(first, new, models[0])
            for group in second.param_groups:
                group["lr"] = new.lr
                spared = old.decay_on == "weights" and group["params"][0].ndim == 1
                group["weight_decay"] = 0.0 if spared else new.weight_decay
                if "momentum" in group:
                    group["momentum"] = new.momentum
        for model, optimizer in zip(models, (first, second), strict=True):
            optimizer.zero_grad()
            model(image).square().sum().backward()
            optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(*(m.parameters() for m in models), strict=True))


def test_the_rows_tell_the_rate_that_held(tmp_path: Path, samples: Samples) -> None:
    spec = SPEC.model_copy(update={"changes": CHANGES, "schedule": ConstantSpec()})
    run_trial(make_task(tmp_path / "t", samples, spec), samples, SilentReporter())
    rates = [row["lr"] for row in read_history(tmp_path / "t" / "history.jsonl")]
    assert rates == [3e-3, 1e-3, 1e-3, 1e-3]


@pytest.mark.parametrize("killed", [1, 2, 3])
def test_a_resume_goes_on_with_the_changed_numbers_bit_for_bit(
    tmp_path: Path, samples: Samples, killed: int
) -> None:
    spec = SPEC.model_copy(update={"changes": CHANGES})
    whole, parts = (make_task(tmp_path / part, samples, spec) for part in ("whole", "parts"))
    run_trial(whole, samples, SilentReporter())
    with pytest.raises(Killed):
        run_trial(parts, samples, KilledAfter(killed))
    run_trial(parts, samples, SilentReporter())
    assert figures(whole.directory) == figures(parts.directory)
    weights = [newest_checkpoint(task.trial_dir.checkpoints) for task in (whole, parts)]
    assert weights[0] is not None
    assert weights[1] is not None
    for name, value in weights[0]["train_model"].items():
        assert torch.equal(value, weights[1]["train_model"][name]), name


def test_a_change_takes_hold_after_its_epoch_and_not_before(
    tmp_path: Path, samples: Samples
) -> None:
    plain, changed = (
        make_task(tmp_path / name, samples, SPEC.model_copy(update={"changes": changes}))
        for name, changes in (("plain", ()), ("changed", CHANGES[:1]))
    )
    for task in (plain, changed):
        run_trial(task, samples, SilentReporter())
    first, second = figures(plain.directory), figures(changed.directory)
    assert first[0] == second[0]
    assert first[1]["train_loss"] != second[1]["train_loss"]


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        ({"changes": [{"after": 1, "values": {"optimizer.rl": 1}}]}, "did you mean 'optimizer.lr'"),
        ({"changes": [{"after": 1, "values": {"model.width": 8}}]}, "known: clip_norm, optimizer"),
        ({"changes": [{"after": 1, "values": {}}]}, "at least 1 item"),
        ({"changes": [{"after": 1, "values": {"clip_norm": -1}}]}, "greater than or equal to 0"),
        ({"changes": [{"after": 2, "values": {"clip_norm": 1}}] * 2}, "got [2, 2]"),
        ({"changes": [{"after": 2, "values": {"optimizer.lr": 0}}]}, "after epoch 2: optimizer.lr"),
        ({"changes": [{"after": 2, "values": {"optimizer.momentum": 0.5}}]}, "adam has no"),
        (
            {"optimizer": {"name": "rmsprop"},
             "changes": [{"after": 2, "values": {"optimizer.momentum": 0.5}}]},
            "cannot be switched on",
        ),
    ],
)  # fmt: skip
def test_mistakes_are_told(tree: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match="validation error") as caught:
        TrialSpec.model_validate(tree)
    [line] = problems_of(caught.value, TrialSpec, "trial.")
    assert text in line


def test_a_change_after_the_end_is_refused(tmp_path: Path, samples: Samples) -> None:
    spec = SPEC.model_copy(update={"changes": CHANGES, "until": 3})
    task = make_task(tmp_path / "t", samples, spec)
    text = "changes: after epoch 3: training ends after epoch 3"
    with pytest.raises(ValueError, match=text):
        prepare([task], samples.report, RunDir(tmp_path))
    prepare(
        [make_task(tmp_path / "t", samples, spec.laid_out_for(4))], samples.report, RunDir(tmp_path)
    )
