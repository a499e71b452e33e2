"""`extend/<hash>/<file>`: every version of the users' files with which the run's trials were
made."""

import re
from collections.abc import Iterable
from pathlib import Path

import yaml

from raytrain.config.extend import is_loaded, load_source
from raytrain.config.job import JobSpec
from raytrain.config.own import Source, current_sources
from raytrain.runs.files import write_bytes
from raytrain.runs.layout import RunDir

_HASH = re.compile(r'"extend":\s*"([0-9a-f]{12})"')


def keep_extensions(run: RunDir) -> None:
    """Copy the Python files in the job's `extend` to the run's folder."""
    for source in current_sources():
        write_bytes(run.extend / source.hash / source.name, source.text.encode())


def load_extensions(run: RunDir) -> None:
    """Run the kept versions of the users' Python files with which this run's records and
    checkpoints were made.

    Raises ValueError when one of them differs from the recorded file, or cannot be read.
    """
    for path in _asked(run):
        load_source(_source(path))


def refuse_foreign(run: RunDir) -> None:
    """Raise ValueError that names the files that `load_extensions` would run and that are not in
    the `extend` of this process's job: someone else may have written them."""
    foreign = [path for path in _asked(run) if not is_loaded(_source(path))]
    if foreign:
        listed = "\n  ".join(map(str, foreign))
        raise ValueError(
            f"{run.path}: your job does not name these Python files of the run. Read them first; "
            f"to run them, add --trust or name them in the job's `extend`\n  {listed}"
        )


def run_of(checkpoint: Path) -> RunDir | None:
    """Return the run that contains a checkpoint with the path
    <run>/trials/<fingerprint>/checkpoints/<file>, or None."""
    folders = checkpoint.absolute().parents
    if len(folders) < 4 or (folders[0].name, folders[2].name) != ("checkpoints", "trials"):
        return None
    return RunDir(folders[3])


def files_for(run: RunDir, named_in: Iterable[Path]) -> list[Path]:
    """Return the kept files whose hashes occur in these files."""
    kept = [
        path
        for path in sorted(run.extend.glob("*/*"))
        if path.is_file() and not path.name.startswith(".")
    ]
    if not kept:
        return []
    named: set[str] = set()
    for path in named_in:
        named |= set(_HASH.findall(path.read_text(encoding="utf-8", errors="replace")))
    return [path for path in kept if path.parent.name in named]


def _asked(run: RunDir) -> list[Path]:
    """Return the kept files whose hashes occur in the run's records, checkpoints, jobs or data."""
    patterns = ("*.json", "configs/*.json", "search/*.json*", "trials/*/*.json",
                "trials/*/checkpoints/*.json")  # fmt: skip
    return files_for(run, (path for pattern in patterns for path in run.path.glob(pattern)))


def _source(path: Path) -> Source:
    source = Source(path.name, path.read_text(encoding="utf-8"))
    if source.hash != path.parent.name:
        raise ValueError(
            f"{path}: changed since the run copied it (its SHA-256 begins with {source.hash}), so "
            "it is not run; restore the recorded file, or remove this one"
        )
    return source


def write_job(job: JobSpec, folder: Path) -> None:
    """Write `job.yaml` and the files in its `extend` into `folder`, for another machine."""
    files = []
    for source in current_sources():
        files.append(f"extend/{source.hash}/{source.name}")
        write_bytes(folder / files[-1], source.text.encode())
    tree = job.model_dump(mode="json") | {"extend": files}
    write_bytes(folder / "job.yaml", yaml.safe_dump(tree).encode())
