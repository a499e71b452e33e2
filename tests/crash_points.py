"""A whole `run` that sends its CSV, killed at every step and started again.

`python -m tests.crash_points` prints how many points there are and which fail, and takes more than
an hour; numbers after it choose points. After each kill the same command must end with exit code 0,
the same CSV bytes, exactly one entry at Kaggle, and a ledger that says it is scored.
"""

import contextlib
import json
import os
import random
import signal
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from raytrain.data.phantom import PhantomSplit, write_phantom
from raytrain.pipeline import report
from raytrain.submission import calls, kaggle_client
from raytrain.submission import wait_for_score as scored
from raytrain.submission.child import Reply, Request
from raytrain.submission.ledger import FileLedger
from tests.commands import PRELOADED, quick_processes
from tests.crash_steps import command_with_steps
from tests.e2e.kaggle_server import running
from tests.e2e.kaggle_state import TOKEN, Kaggle

JOB = {
    "competition": {
        "name": "p", "classes": ["bg", "rv", "myo", "lv"], "group": "(N+1)//2",
        "submission": {"slug": "heart", "send": True},
    },
    "trial": {
        "model": {"name": "unet", "width": 2, "depth": 1}, "epochs": 1, "batch_size": 2,
        "optimizer": {"name": "adam", "lr": 0.03}, "augmentation": "none",
    },
    "search": {"trials": 1, "scheduler": {"name": "none"}},
    "folds": {"count": 2},
    "cv": {"candidates": 1},
    "finalize": {"workers": 1, "epochs": 1},
    "resources": {"cpus": 1, "memory_gb": 1},
}  # fmt: skip
"""The smallest job that goes through every station."""
CLIENT = "kagglesdk.competitions.types.competition_api_service"
"""The part of Kaggle's client that takes long to import and does nothing by itself."""
LATER_S = 3600.0
"""After it Kaggle's list is believed."""


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    code: int
    csv: bytes
    ensemble: bytes
    """ensemble.json: its out-of-fold score is of all the weights that were trained."""
    entries: int
    kinds: list[str]
    log: str

    def problem(self, whole: "Outcome") -> str | None:
        """What differs from a run that nobody killed."""
        if self.code:
            return f"exit code {self.code}: {self.log[-600:]}"
        if self.csv != whole.csv:
            return "other CSV bytes"
        if self.ensemble != whole.ensemble:
            return "another ensemble"
        if self.entries != 1:
            return f"{self.entries} entries"
        return None if self.kinds[-1] == "scored" else f"the ledger ends in {self.kinds[-1]}"


@dataclass(frozen=True)
class Crashes:
    """Runs of one job on one drawn competition, each in a folder of its own."""

    data: Path

    @classmethod
    def on(cls, folder: Path) -> "Crashes":
        """Draw the competition there."""
        split = PhantomSplit(train=2, val=1, test=1)
        write_phantom(folder / "data", folder / "truth", split, 0)
        return cls(folder / "data")

    def whole(self) -> tuple[Outcome, list[str]]:
        """A run that nobody kills, and the names of its steps."""
        with tempfile.TemporaryDirectory(dir=self.data.parent) as folder, running() as kaggle:
            root = Path(folder)
            kaggle.states = ["COMPLETE"]
            code = self._run(root, kaggle, None, root.parent / "steps.json")
            steps = json.loads((root.parent / "steps.json").read_text())
            return self._outcome(root, kaggle, code), steps

    def killed_at(self, step: int) -> Outcome | None:
        """What the run comes to that was killed there and started again; None when it ended before:
        TensorBoard's files are written by the clock, so the number of steps varies a little."""
        with tempfile.TemporaryDirectory(dir=self.data.parent) as folder, running() as kaggle:
            root = Path(folder)
            kaggle.states = ["COMPLETE"]
            first = self._run(root, kaggle, step, None)
            if first == 0:
                return None
            if first != -signal.SIGKILL:
                return self._outcome(root, kaggle, first)
            kaggle.ahead_s += LATER_S
            return self._outcome(root, kaggle, self._run(root, kaggle, None, None))

    def failures(
        self, whole: Outcome, steps: Sequence[str], at: Iterable[int]
    ) -> tuple[int, list[str]]:
        """How many points were reached, and a line for each after which the run does not come to
        the same."""
        reached, found = 0, []
        for step in at:
            outcome = self.killed_at(step)
            reached += outcome is not None
            if outcome is not None and (problem := outcome.problem(whole)):
                found.append(f"step {step}, {steps[step]}: {problem}")
                print(found[-1], flush=True)
        return reached, found

    def _run(self, root: Path, kaggle: Kaggle, deadly: int | None, steps: Path | None) -> int:
        job = root / "job.json"
        competition = {**JOB["competition"], "data": str(self.data)}
        job.write_text(
            json.dumps({**JOB, "competition": competition, "storage": str(root / "runs")})
        )
        (root / "home").mkdir(exist_ok=True)
        env = {
            **{name: v for name, v in os.environ.items() if not name.startswith("KAGGLE_")},
            **kaggle.environment(), "KAGGLE_API_TOKEN": TOKEN, "HOME": str(root / "home"),
            "RAYTRAIN_CACHE": str(root / "cache"), "MPLCONFIGDIR": str(self.data.parent / "mpl"),
        }  # fmt: skip
        args = (["run", str(job), "--local"], env, root, deadly, steps)
        processes = quick_processes()
        processes.set_forkserver_preload([*PRELOADED, "tests.crash_points", CLIENT])
        process = processes.Process(target=_command, args=args)
        process.start()
        process.join()
        assert process.exitcode is not None
        return process.exitcode

    def _outcome(self, root: Path, kaggle: Kaggle, code: int) -> Outcome:
        final = root / "runs/p/default/final"
        csv, ensemble = (
            path.read_bytes() if path.is_file() else b""
            for path in (final / "submission.csv", final / "ensemble.json")
        )
        ledger = FileLedger(root / "runs/submissions/p/ledger.jsonl")
        return Outcome(
            code,
            csv,
            ensemble,
            len(kaggle.submissions),
            [event.kind for event in ledger.read()],
            (root / "log").read_text(),
        )


def _command(
    words: list[str], env: dict[str, str], root: Path, deadly: int | None, steps_file: Path | None
) -> None:
    """The command in a process of its own, with Kaggle's client in it."""
    os.environ.clear()
    os.environ.update(env)
    scored.FIRST_WAIT_S = 0
    report.render = _no_pictures  # type: ignore[assignment]
    calls.call = _client_here  # type: ignore[assignment]
    command_with_steps(words, root, deadly, root / "log", steps_file)


def _no_pictures(*_: object) -> str:
    """Half of the time goes into drawing a page that is then written at once."""
    return "<html></html>"


def _client_here(command: Sequence[str], request: Request, *_: object) -> Reply:
    words, sys.argv = sys.argv, [*command[1:]]
    with contextlib.redirect_stdout(sys.stderr):
        reply = kaggle_client._answered(request)
    sys.argv = words
    return json.loads(json.dumps(reply))


def sampled(steps: Sequence[str], count: int, seed: int) -> list[int]:
    """So many steps at random, the request that enters the file among them."""
    entering = next(at for at, name in enumerate(steps) if name.endswith(" CreateSubmission"))
    two = (entering, entering + 1)
    rest = [at for at in range(len(steps)) if at not in two]
    return sorted([*two, *random.Random(seed).sample(rest, count - 2)])


def main() -> None:
    """All points, or those given."""
    with tempfile.TemporaryDirectory() as folder:
        crashes = Crashes.on(Path(folder))
        whole, steps = crashes.whole()
        assert whole.problem(whole) is None, whole
        at = [*map(int, sys.argv[1:])] or range(len(steps))
        points, failed = crashes.failures(whole, steps, at)
    print(f"{points} points, {len(failed)} failures")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
