"""A population's generations: the same however often a driver dies and whoever arrives first.

Trainings are told instead of run: a row depends on the seed and the rate that holds in its epoch,
as a real one does, so that what a successor inherits must be what it would have come to itself.
"""

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray.tune.schedulers import TrialScheduler

from raytrain.cluster.generations import Evolving, GenerationScheduler
from raytrain.config.optimizers import AdamSpec
from raytrain.config.schedulers import PbtSpec
from raytrain.config.search import SearchSpec
from raytrain.config.trial import TrialSpec
from raytrain.runs.events import read_events
from raytrain.runs.files import write_json
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.history import append_row, read_history, write_history
from raytrain.runs.inherit import inherit
from raytrain.runs.layout import RunDir
from raytrain.runs.orders import Orders
from raytrain.runs.record import Status, Task, complete, is_complete, read_record, write_record
from raytrain.runs.starts import Start, append_start
from tests.tiny import task_in

EPOCHS, MEMBERS = 9, 8
PBT = PbtSpec(interval=2)
SEARCH = SearchSpec(
    trials=MEMBERS, seed=5, scheduler=PBT, space={"optimizer.lr": {"loguniform": [1e-4, 1e-1]}}
)


class Machine:
    """A run whose driver can be killed between any two epochs, and whose trials may fail."""

    def __init__(self, folder: Path, fails: dict[str, int] | None = None):
        self.run, self.fails = RunDir(folder), fails or {}
        self.members = [self.task(spec) for spec in drawn()]
        self.heirs: dict[str, Task] = {}

    def task(self, spec: TrialSpec) -> Task:
        name = fingerprint(spec.model_dump(mode="json"))
        return task_in(self.run.trial(name).path, spec)

    def successor(self, spec: TrialSpec, parent: Task, epoch: int) -> Task:
        task = self.task(spec)
        inherit(parent.trial_dir, task.trial_dir, epoch)
        self.heirs[task.fingerprint] = task
        return task

    def search(self, places: int, epochs: int, seed: int = 0, last: int = 10_000) -> bool:
        """Run so many epochs, or until the search's time is over; whether it came to its end."""
        rng = np.random.default_rng(seed)
        waiting = [task for task in self.members if not is_complete(task)]
        live: dict[str, tuple[Task, Any]] = {}

        def on_end(task: Task, status: Status, reason: str | None) -> None:
            write_record(task, status, reason)

        def propose() -> Task | None:
            return waiting.pop(0) if waiting else None

        orders = Orders(
            self.run, propose, [], SEARCH, EPOCHS, on_end,
            members=tuple(self.members), successor=self.successor, over=lambda: last <= 0,
        )  # fmt: skip
        searcher = Evolving(orders, lambda: places, PBT)
        scheduler = GenerationScheduler(PBT.rungs(EPOCHS))
        number = 0
        while epochs:
            while isinstance(config := searcher.suggest(str(number)), dict):
                live[str(number)] = config["task"], _Turn(config)
                number += 1
            if not live:
                return True
            name = str(rng.choice(list(live)))
            task, turn = live[name]
            epochs, last = epochs - 1, last - 1
            if not last:
                # As Tune ends all that is at work.
                for name in live:
                    searcher.on_trial_complete(name)
                live.clear()
                continue
            ended = self._train(task, turn, scheduler, on_end)
            if ended:
                del live[name]
                searcher.on_trial_complete(name)
        return False

    def _train(self, task: Task, turn: Any, scheduler: Any, on_end: Any) -> bool:
        """One epoch; whether its turn is over."""
        done = len(read_history(task.trial_dir.history))
        append_start(task.trial_dir, Start(epochs=done, nodes=()))
        if self.fails.get(task.fingerprint) == done:
            on_end(task, "failed", "out of luck")
            return True
        if done < EPOCHS:
            row = {"epoch": done + 1, "seconds": 1.0, "ranks": 1, **scores(task.spec, done + 1)}
            append_row(task.trial_dir.history, row)
            decision = scheduler.on_trial_result(None, turn, row)
            if decision == TrialScheduler.STOP:
                return True
        if done + 1 < EPOCHS:
            return False
        write_json(task.trial_dir.shipped, {})
        write_record(task, "finished", None)
        return True


class _Turn:
    def __init__(self, config: dict[str, Any]):
        self.config = config


def drawn() -> list[TrialSpec]:
    rates = np.random.default_rng(1).uniform(-4, -1, MEMBERS)
    return [TrialSpec(optimizer=AdamSpec(lr=float(10**r)), epochs=EPOCHS) for r in rates]


def scores(spec: TrialSpec, epoch: int) -> dict[str, float]:
    """The nearer the rate is to .003, the better."""
    score = epoch / 100 - abs(math.log10(spec.at(epoch).optimizer.lr) + 2.5) / 10
    return {"val_score": score, "val_dice": score}


def outcome(machine: Machine) -> dict[str, Any]:
    """Spec, status and rows of every trial."""
    found = {}
    for path in sorted(machine.run.trials.glob("*")):
        directory = machine.run.trial(path.name)
        record = read_record(directory)
        assert record is not None
        assert complete(record)
        rows = read_history(directory.history)
        found[path.name] = record.status, record.reason, record.spec, rows
    return found


@pytest.mark.parametrize("places", [1, 3, 20])
def test_a_whole_population(tmp_path: Path, places: int) -> None:
    machine = Machine(tmp_path)
    assert machine.search(places, 10_000)
    found = outcome(machine)
    statuses = Counter(status for status, _, _, _ in found.values())
    # Four generations' ends, a quarter of eight replaced at each.
    assert statuses == {"finished": MEMBERS, "stopped": 8}
    events = read_events(machine.run.events)
    for epoch in (2, 4, 6, 8):
        here = sorted((e for e in events if e.epoch == epoch), key=lambda e: -e.val_score)
        assert [e.decision for e in here] == ["go on"] * 6 + ["stop"] * 2
        assert {e.parent for e in here[6:]} <= {e.trial for e in here[:2]}
    for status, reason, spec, rows in found.values():
        assert [row["val_score"] for row in rows] == [
            scores(spec, epoch)["val_score"] for epoch in range(1, len(rows) + 1)
        ]
        assert (status == "stopped") == (reason is not None)
    records = [read_record(machine.run.trial(name)) for name in found]
    own = sum(record.epochs - record.inherited for record in records if record)
    assert own == MEMBERS * EPOCHS


def test_places_and_order_of_arrival_decide_nothing(tmp_path: Path) -> None:
    machines = [Machine(tmp_path / str(places)) for places in (1, 2, 5)]
    for machine, places in zip(machines, (1, 2, 5), strict=True):
        assert machine.search(places, 10_000, seed=places)
    first, *others = map(outcome, machines)
    assert all(other == first for other in others)


@pytest.mark.parametrize("step", [1, 3, 7, 16])
def test_a_driver_that_is_killed_over_and_over_decides_the_same(tmp_path: Path, step: int) -> None:
    whole, parts = Machine(tmp_path / "whole"), Machine(tmp_path / "parts")
    assert whole.search(2, 10_000)
    tries = 0
    while not parts.search(2, step, seed=tries):
        tries += 1
        assert tries < 200
    assert tries > 3
    assert outcome(parts) == outcome(whole)


def test_what_was_decided_stays_whatever_a_repeated_epoch_gives(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    # All of the first generation, some of the second.
    assert not machine.search(2, 20)
    events = read_events(machine.run.events)
    assert {event.epoch for event in events} == {2}
    best = max(events, key=lambda event: event.val_score)
    history = machine.run.trial(best.trial).history
    rows = read_history(history)
    rows[1] |= {"val_score": -9.0}
    write_history(history, rows)
    assert machine.search(2, 10_000)
    assert [e for e in read_events(machine.run.events) if e.epoch == 2] == events
    replaced = [event for event in events if event.parent]
    heirs = [spec for _, _, spec, _ in outcome(machine).values() if len(spec.changes) == 1]
    assert len([spec for spec in heirs if spec.changes[0].after == 2]) == len(replaced)


@pytest.mark.parametrize("last", [3, 10, 16, 25])
def test_a_search_whose_time_is_over_decides_nothing_on_what_it_broke_off(
    tmp_path: Path, last: int
) -> None:
    whole, parts = Machine(tmp_path / "whole"), Machine(tmp_path / "parts")
    assert whole.search(2, 10_000)
    assert parts.search(2, 10_000, last=last)
    assert parts.search(2, 10_000)
    assert outcome(parts) == outcome(whole)


def test_a_member_that_fails_is_tried_again_until_the_others_have_gone_on(tmp_path: Path) -> None:
    lost = fingerprint(drawn()[0].model_dump(mode="json"))
    machine = Machine(tmp_path / "run", {lost: 1})
    assert not machine.search(1, 12)
    failed = read_record(machine.run.trial(lost))
    assert failed is not None
    assert (failed.status, failed.epochs) == ("failed", 1)
    machine.fails = {}
    assert machine.search(1, 10_000)
    assert machine.run.trial(lost).history.is_file()
    again = read_record(machine.run.trial(lost))
    assert again is not None
    assert again.epochs > 1

    machine = Machine(tmp_path / "left", {lost: 1})
    assert machine.search(1, 10_000)
    left = read_record(machine.run.trial(lost))
    assert left is not None
    assert left.status == "stopped"
    assert left.reason == "out of luck; the population went on without it"
    finished = [status for status, _, _, _ in outcome(machine).values() if status == "finished"]
    assert len(finished) == MEMBERS - 1
