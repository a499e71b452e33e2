"""A `run` that sends its CSV is killed at every write, rename, unlink, fsync and request."""

from pathlib import Path

import pytest

from tests.crash_points import Crashes


def test_killed_at_any_step_a_run_comes_to_the_same_csv_and_one_entry(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crashes = Crashes.on(tmp_path)
    whole, steps = crashes.whole()
    assert whole.problem(whole) is None
    points, failed = crashes.failures(whole, steps, range(len(steps)))
    with capsys.disabled():
        print(f"{points} points, {len(failed)} failures")
    assert failed == []
    assert points > 0.98 * len(steps)
