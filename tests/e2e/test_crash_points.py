"""Some of the points of `tests/chaos/test_crash_points.py`; the same ones each time."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.crash_points import Crashes, Outcome, sampled


@pytest.mark.slow
def test_killed_at_some_steps_a_run_comes_to_the_same_csv_and_one_entry(tmp_path: Path) -> None:
    crashes = Crashes.on(tmp_path)
    whole, steps = crashes.whole()
    assert whole.problem(whole) is None
    assert len(steps) > 500
    assert crashes.failures(whole, steps, sampled(steps, 4, seed=0)) == (4, [])


def test_what_differs_is_a_failure() -> None:
    """The harness itself: an entry too many, other bytes and an error each count as a failure."""
    whole = Outcome(0, b"csv", b"{}", 1, ["prepared", "scored"], "")
    assert whole.problem(whole) is None
    for worse in (
        {"code": 1},
        {"csv": b"cs"},
        {"ensemble": b""},
        {"entries": 2},
        {"entries": 0},
        {"kinds": ["sent"]},
    ):
        assert replace(whole, **worse).problem(whole) is not None
