"""What stopping cost, against a table worked out by hand."""

from typing import Any

import numpy as np
import pytest

from raytrain.config.trial import TrialSpec
from raytrain.report.figures import rank_correlations
from raytrain.report.terminal import stopping_text
from raytrain.runs.record import Record
from raytrain.runs.search_log import RungEvent
from raytrain.search.stopping_cost import RungRank, Stopping, stopping

CURVES = {
    "a": [0.1, 0.5, 0.6, 0.9],
    "b": [0.2, 0.4, 0.7, 0.8],
    "c": [0.3, 0.3, 0.5, 0.7],
    "d": [0.05, 0.2],
    "e": [0.01],
}


def _record(name: str) -> Record:
    curve, values = CURVES[name], {"epoch": 1, "val_score": max(CURVES[name])}
    status: Any = "finished" if len(curve) == 4 else "stopped"
    return Record(
        name=name, fingerprint=name, station="search", status=status, reason=None,
        spec=TrialSpec(epochs=4), data="", fold="split", workers=1, ranks=1, epochs=len(curve),
        best=values, last=values, shipped=None, notes=[], seconds=1, versions={},
    )  # fmt: skip


def _events() -> list[RungEvent]:
    return [
        RungEvent(
            trial=name, name=name, epoch=rung, val_dice=0.0, val_score=curve[rung - 1],
            decision="stop" if len(curve) == rung else "go on",
        )
        for rung in (1, 2)
        for name, curve in CURVES.items()
        if len(curve) >= rung
    ]  # fmt: skip


def _stopping(events: list[RungEvent]) -> Stopping:
    histories = {
        name: [{"epoch": n, "val_score": value} for n, value in enumerate(curve, 1)]
        for name, curve in CURVES.items()
    }
    return stopping([_record(name) for name in CURVES], histories, events)


def test_epochs_stops_and_correlations_are_those_of_the_table() -> None:
    # Of a, b, c the first rung's order is the reverse of the final one, the second's is it.
    assert _stopping(_events()) == Stopping(
        spent=15,
        full=20,
        rungs=[
            RungRank(1, stopped=1, went_on=4, correlation=pytest.approx(-1.0), finished=3),
            RungRank(2, stopped=1, went_on=3, correlation=pytest.approx(1.0), finished=3),
        ],
    )


def test_a_correlation_equals_that_of_the_ranks() -> None:
    CURVES["f"] = [0.15, 0.45, 0.4, 0.95]
    try:
        rungs = _stopping(_events()).rungs
    finally:
        del CURVES["f"]
    first, last = np.array([1, 3, 4, 2]), np.array([3, 2, 1, 4])  # ranks of a, b, c, f
    assert rungs[0].correlation == pytest.approx(1 - 6 * ((first - last) ** 2).sum() / (4 * 15))


def test_a_pause_is_no_decision_and_its_end_counts_once() -> None:
    paused = _events()[0].model_copy(update={"decision": "pause"})
    assert _stopping([paused, *_events()]) == _stopping(_events())
    assert _stopping([paused]).rungs[0].went_on == _stopping([paused]).rungs[0].stopped == 0


def test_the_cost_is_shown_in_words_and_drawn() -> None:
    cost = _stopping(_events())
    text = stopping_text(cost)
    assert "15 of 20 epochs were run (75%)" in text
    assert "+1.00 (3 trials that ran all epochs)" in text
    assert "rank correlation" not in stopping_text(Stopping(20, 20, []))
    svg = rank_correlations(cost.rungs, "ranks")
    assert "epoch 2" in svg
    assert "-1.00" in svg
