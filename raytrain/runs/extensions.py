"""`extend/<hash>/<file>`: the users' files that a run's trials came from, every version of them."""

from pathlib import Path

import yaml

from raytrain.config.extend import load_source
from raytrain.config.job import JobSpec
from raytrain.config.own import Source, current_sources
from raytrain.runs.files import write_bytes
from raytrain.runs.layout import RunDir


def keep_extensions(run: RunDir) -> None:
    """Save the files that the job extends by beside its results."""
    for source in current_sources():
        write_bytes(run.extend / source.hash / source.name, source.text.encode())


def load_extensions(run: RunDir) -> None:
    """Have every version known by which records and checkpoints of this run were made.

    Raises ValueError when one of them can no longer be read.
    """
    for path in sorted(run.extend.glob("*/*")):
        if path.is_file() and not path.name.startswith("."):
            load_source(Source(path.name, path.read_text(encoding="utf-8")))


def write_job(job: JobSpec, folder: Path) -> None:
    """Write `job.yaml` and, beside it, the files that it extends by, for another machine."""
    files = []
    for source in current_sources():
        files.append(f"extend/{source.hash}/{source.name}")
        write_bytes(folder / files[-1], source.text.encode())
    tree = job.model_dump(mode="json") | {"extend": files}
    write_bytes(folder / "job.yaml", yaml.safe_dump(tree).encode())
