"""The rungs of a search (no cluster is needed)."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ray.tune.schedulers import TrialScheduler

from raytrain.cluster.stopping import RungScheduler
from raytrain.config.schedulers import AshaSpec
from raytrain.runs.search_log import read_events

STOP, GO_ON = TrialScheduler.STOP, TrialScheduler.CONTINUE


def test_what_is_complete_after_one_epoch_stops_no_beginner(tmp_path: Path) -> None:
    scheduler = RungScheduler(AshaSpec(grace=1, factor=2), 8, tmp_path / "events.jsonl")
    decisions = []
    for name, epochs, score in (("a1", 1, 0.9), ("b2", 8, 0.5), ("c3", 8, 0.4)):
        spec = SimpleNamespace(last_epoch=epochs)
        task = SimpleNamespace(fingerprint=name, name=name, spec=spec)
        trial: Any = SimpleNamespace(trial_id=name, config={"task": task})
        scheduler.on_trial_add(None, trial)
        row = {"epoch": 1, "val_score": score, "val_dice": score}
        decisions.append(scheduler.on_trial_result(None, trial, row))
    assert decisions == [GO_ON, GO_ON, STOP]
    events = read_events(tmp_path / "events.jsonl")
    assert [(event.trial, event.decision) for event in events] == [("b2", "go on"), ("c3", "stop")]
