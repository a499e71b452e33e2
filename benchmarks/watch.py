"""How fast the live page of a large search is shown: `python -m benchmarks.watch`.

A run of 500 trials of 3 epochs lies on disk; `raytrain watch` serves it, and Chromium without a
window shows it. Each round adds a row to one trial, so that the page is made anew, as while the
search runs. Seconds from the request until all rows of the table are in the page; mark 3 s. The
named alternative is the same page when no file has changed. Exit code 1 when the mark is missed.
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from raytrain.pipeline.watch import server
from raytrain.runs.history import append_row, read_history
from raytrain.runs.layout import RunDir, TrialDir
from tests.e2e.chromium import Tab, chromium
from tests.study_runs import fill, small_job

TRIALS, LATEST_S = 500, 3.0
ROWS = "document.querySelectorAll('tr[data-trials]').length"


def shown_s(tab: Tab, address: str) -> float:
    """Return the seconds from the request until the table has all trials."""
    start = time.perf_counter()
    tab.open(address, 1200, "light")
    while tab.run(ROWS) < TRIALS:
        time.sleep(0.01)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        run = RunDir(Path(folder) / "run")
        rates = [1e-4 * (1 + number / 100) for number in range(TRIALS)]
        tasks = fill(
            small_job({"optimizer.lr": {"grid": rates}}, TRIALS), run,
            lambda task, id: 40 + len(task.fingerprint + id) % 50,
        )  # fmt: skip
        history = TrialDir(tasks[0].directory).history
        changed, same = [], []
        with server(run, 0) as serving, chromium(Path(folder) / "profile") as tab:
            threading.Thread(target=serving.serve_forever, daemon=True).start()
            for _ in range(rounds):
                rows = read_history(history)
                append_row(history, {**rows[-1], "epoch": len(rows) + 1})
                changed.append(shown_s(tab, serving.address))
                same.append(shown_s(tab, serving.address))
            serving.shutdown()
    slow, quick = statistics.median(changed), statistics.median(same)
    print(f"{TRIALS} trials: a changed page {slow:.2f} s (mark {LATEST_S:g} s), the same page "
          f"{quick:.2f} s, ratio {slow / quick:.1f}; medians of {rounds}")  # fmt: skip
    sys.exit(slow > LATEST_S)


if __name__ == "__main__":
    main()
