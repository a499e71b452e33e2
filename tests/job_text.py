"""Job files of a few lines, and how to load them."""

from collections.abc import Iterable
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

from raytrain.config.job import JobSpec
from raytrain.config.load import load_job

MINIMAL = "competition: {name: tiny, data: folder, classes: [background, organ]}\n"


def load_text(text: str, overrides: Iterable[str] = (), profile: str | None = None) -> JobSpec:
    """The job of a file with this text, in a folder of its own."""
    with TemporaryDirectory() as folder, chdir(folder):
        Path("job.yaml").write_text(text, encoding="utf-8")
        return load_job(Path("job.yaml"), list(overrides), profile)
