"""The search: the leaderboard and the decisions at the rungs."""

from dataclasses import dataclass

from markupsafe import Markup

from raytrain.report import figures
from raytrain.report.facts import RunFacts
from raytrain.runs.search_log import settled
from raytrain.search.configurations import configurations
from raytrain.search.leaderboard import rows
from raytrain.search.stopping_cost import stopping


@dataclass(frozen=True)
class BoardRow:
    """A row of the leaderboard."""

    cells: dict[str, str]
    """The cells as in `leaderboard.csv`."""
    dice_is_score: bool
    """Whether the score is Dice, so that Dice needs no column of its own."""
    repeats: int
    network: str
    rung: str
    """The last rung at which the trial was compared."""
    reason: str
    retried: bool
    """Whether an attempt of the trial failed."""


@dataclass(frozen=True)
class Rung:
    """The decisions about trials at one rung."""

    epoch: int
    stopped: int
    went_on: int
    best: float
    lowest_on: float | None
    """The lowest score with which a trial continued."""


@dataclass(frozen=True)
class Stop:
    """A trial that was stopped early."""

    name: str
    epoch: int
    val_score: float
    saved: int
    """Number of epochs that the trial did not run."""


@dataclass(frozen=True)
class Rungs:
    """Early stopping: the decisions, and the epochs that were saved."""

    scheduler: str
    rungs: list[Rung]
    stops: list[Stop]
    figure: Markup | None
    ranks: Markup | None
    """Rank correlation of each rung with the final ranking; empty if none is known."""
    spent: int
    full: int
    """Number of epochs if every trial had run to its end."""


def leaderboard(facts: RunFacts) -> list[BoardRow]:
    """Return the leaderboard, best validation score first."""
    reached = {event.trial: event.epoch for event in sorted(facts.events, key=lambda e: e.epoch)}
    board = configurations(facts.trials)
    return [
        BoardRow(
            cells=cells,
            dice_is_score=cells["val_dice"] == cells["val_score"],
            repeats=len(each.records),
            network=each.spec.network_label,
            rung=str(reached.get(each.fingerprint, "")),
            reason="; ".join(record.reason for record in each.records if record.reason),
            retried=any(record.attempts for record in each.records),
        )
        for each, cells in zip(board, rows(board), strict=True)
    ]


def incidents(facts: RunFacts) -> list[tuple[str, str]]:
    """Return pairs of a training's name and one sentence about an incident."""
    found = (*facts.trials, *facts.others)
    return [(record.name, text) for record in found for text in record.incidents]


def rungs(facts: RunFacts) -> Rungs:
    """Return the decisions of early stopping, counted from `events.jsonl` and the trials'
    records."""
    events = settled(facts.events)
    cost = stopping(facts.trials, facts.histories, facts.events)
    known = [rung for rung in cost.rungs if rung.correlation is not None]
    epochs = {record.fingerprint: record.spec.last_epoch for record in facts.trials}
    found = []
    for epoch in sorted({event.epoch for event in events}):
        here = [event for event in events if event.epoch == epoch]
        on = [event.val_score for event in here if event.decision == "go on"]
        best = max(event.val_score for event in here)
        lowest = min(on) if on else None
        stopped = sum(event.decision == "stop" for event in here)
        found.append(Rung(epoch, stopped, len(on), best, lowest))
    stops = [
        Stop(e.name, e.epoch, e.val_score, epochs.get(e.trial, e.epoch) - e.epoch)
        for e in sorted(events, key=lambda e: (e.epoch, -e.val_score))
        if e.decision == "stop"
    ]
    decisions = f"{len(events)} decisions at {len(found)} rungs"
    alt = f"Validation {facts.metric} of {decisions}: stop or go on"
    return Rungs(
        scheduler=facts.job.search.scheduler.name if facts.job else "",
        rungs=found,
        stops=stops,
        figure=figures.rung_decisions(events, facts.metric, alt) if events else None,
        ranks=figures.rank_correlations(
            known, f"Rank correlation of {len(known)} rungs with the final ranking"
        )
        if known
        else None,
        spent=cost.spent,
        full=cost.full,
    )
