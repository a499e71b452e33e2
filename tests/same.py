"""Whether a change of the code's layout left every result as it was: `make same`.

The demo, a search without Ray and the JSON schema are made anew; their SHA-256 are compared with
`tests/same.json`, which was written before the first move on this kind of machine. With `--record`
the file is written anew. Another processor or another version of torch gives other last bits.
"""

import argparse
import csv
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

from tests.support import run_folder, write_job

ROOT = Path(__file__).parents[1]
RECORDED = Path(__file__).with_name("same.json")
TIMED = "seconds"
"""The column of the leaderboard that differs from run to run."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--record", action="store_true", help="write tests/same.json anew")
    with tempfile.TemporaryDirectory() as folder:
        now = {**_demo(Path(folder) / "demo"), **_local(Path(folder)), "schema": _schema()}
    golden = ROOT / "tests" / "unit" / "golden_losses.txt"
    now["golden_losses.txt"] = _digest([golden.read_bytes()])
    if parser.parse_args().record:
        RECORDED.write_text(json.dumps(now, indent=1) + "\n")
    before = json.loads(RECORDED.read_text())
    for name in sorted(before.keys() | now.keys()):
        print(f"{'same     ' if before.get(name) == now.get(name) else 'DIFFERENT'}  {name}")
    sys.exit(before != now)


def _demo(storage: Path) -> dict[str, str]:
    """The demo's CSV, masks and weights; its members are trained by two workers each."""
    _raytrain("demo", "jobs/phantom.yaml", "--set", f"storage={storage}")
    run = run_folder(storage)
    candidates = json.loads((run / "final" / "ensemble.json").read_text())["candidates"]
    paths = [network["checkpoint"] for each in candidates for network in each["networks"]]
    weights = [torch.load(run / path, weights_only=True) for path in paths]
    masks = sorted((run / "final" / "masks").glob("*.png"))
    return {
        "demo: submission.csv": _digest([(run / "final" / "submission.csv").read_bytes()]),
        "demo: masks": _digest(path.name.encode() + path.read_bytes() for path in masks),
        "demo: weights of members with two workers": _digest(_bytes_of(weights)),
    }


def _local(folder: Path) -> dict[str, str]:
    """The leaderboard and the CSV of a small run in one process."""
    storage = folder / "local"
    _raytrain("run", write_job(folder, storage), "--local")
    run = run_folder(storage)
    with (run / "leaderboard.csv").open(newline="") as file:
        rows = [{**row, TIMED: ""} for row in csv.DictReader(file)]
    return {
        "run: leaderboard.csv": _digest(json.dumps(row).encode() for row in rows),
        "run: submission.csv": _digest([(run / "final" / "submission.csv").read_bytes()]),
    }


def _schema() -> str:
    return _digest([_raytrain("schema").encode()])


def _raytrain(*words: object) -> str:
    """Run a command and return its output."""
    command = [sys.executable, "-m", "raytrain", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def _bytes_of(tree: object) -> Iterator[bytes]:
    """Yield the bytes of every tensor of a checkpoint, in the order of their keys."""
    if isinstance(tree, torch.Tensor):
        yield tree.contiguous().cpu().numpy().tobytes()
    elif isinstance(tree, dict):
        for key in sorted(tree, key=str):
            yield from _bytes_of(tree[key])
    elif isinstance(tree, list | tuple):
        for each in tree:
            yield from _bytes_of(each)


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


if __name__ == "__main__":
    main()
