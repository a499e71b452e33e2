"""A `run` that sends its CSV is killed at every write, rename, unlink, fsync and request."""

from pathlib import Path

from tests.crash_points import Crashes


def test_killed_at_any_step_a_run_comes_to_the_same_csv_and_one_entry(tmp_path: Path) -> None:
    crashes = Crashes.on(tmp_path)
    whole, steps = crashes.whole()
    assert whole.problem(whole) is None
    failed = crashes.failures(whole, steps, range(len(steps)))
    print(f"{len(steps)} points, {len(failed)} failures")
    assert failed == []
