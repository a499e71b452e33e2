"""How much CPU the start of a command and of a worker takes: `python -m benchmarks.startup`.

Each is run in new interpreters; the least CPU time of a few is shown, in seconds and as a ratio to
`import torch` in the same run. Marks: .5 s for commands that only read a file or print help, 6 s
for a training worker's imports. Exit code 1 when a mark is missed.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

LIGHT_S, WORKER_S = 0.5, 6.0


def cpu_s(words: list[str], rounds: int) -> float:
    """Return the least CPU time of a new interpreter with these arguments, in seconds."""
    times = []
    for _ in range(rounds):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *words], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times)


def _job(folder: Path) -> str:
    """Write the smallest job, whose run has nothing yet, and return its path."""
    tree = {
        "competition": {"name": "t", "data": str(folder), "classes": ["background", "organ"]},
        "storage": str(folder / "runs"),
    }
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump(tree))
    return str(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="interpreters for each line")
    rounds = parser.parse_args().rounds
    os.environ["OMP_NUM_THREADS"] = "1"
    torch_s = cpu_s(["-c", "import torch"], rounds)
    print(f"{'import torch':<24} {torch_s:6.2f} s   1.00")
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        command = ["-m", "raytrain"]
        lines = {
            "import raytrain": (["-c", "import raytrain"], LIGHT_S),
            "version": ([*command, "version"], LIGHT_S),
            "ledger": ([*command, "ledger", _job(Path(folder))], LIGHT_S),
            "leaderboard (imports)": (
                ["-c", "import raytrain.cli, raytrain.pipeline.leaderboard_view"], LIGHT_S,
            ),
            "check --help": ([*command, "check", "--help"], LIGHT_S),
            "a worker's imports": (["-c", "import raytrain.cluster.worker"], WORKER_S),
        }  # fmt: skip
        for name, (words, mark_s) in lines.items():
            seconds = cpu_s(words, rounds)
            missed |= seconds > mark_s
            print(f"{name:<24} {seconds:6.2f} s {seconds / torch_s:6.2f}   mark {mark_s:g} s")
    sys.exit(missed)


if __name__ == "__main__":
    main()
