"""The rungs of a search (no cluster is needed)."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ray.tune.schedulers import TrialScheduler

from raytrain.cluster.schedulers import RungScheduler
from raytrain.config.job import AshaSpec
from raytrain.runs.events import read_events

STOP, GO_ON = TrialScheduler.STOP, TrialScheduler.CONTINUE


def trial(number: int) -> Any:
    return SimpleNamespace(trial_id=str(number), config={"index": number})


def test_what_is_complete_after_one_epoch_stops_no_beginner(tmp_path: Path) -> None:
    tasks: list[Any] = [
        SimpleNamespace(fingerprint=name, name=name, spec=SimpleNamespace(epochs=epochs))
        for name, epochs in (("pixels", 1), ("unet", 8), ("fcn", 8))
    ]
    scheduler = RungScheduler(AshaSpec(grace=1, factor=2), tasks, tmp_path / "events.jsonl")
    decisions = []
    for number, score in ((0, 0.9), (1, 0.5), (2, 0.4)):
        scheduler.on_trial_add(None, trial(number))
        row = {"epoch": 1, "val_score": score, "val_dice": score}
        decisions.append(scheduler.on_trial_result(None, trial(number), row))
    assert decisions == [GO_ON, GO_ON, STOP]
    events = read_events(tmp_path / "events.jsonl")
    assert [(event.trial, event.decision) for event in events] == [
        ("unet", "go on"),
        ("fcn", "stop"),
    ]
