"""`starts.jsonl`: each start of a training, one line by rank 0; more than one where it resumed."""

from raytrain.config.base import Spec
from raytrain.runs.files import append_line, read_spec_lines
from raytrain.runs.layout import TrialDir


class Start(Spec):
    """One start."""

    epochs: int
    """Done before it, by the checkpoint that it goes on from."""
    nodes: tuple[str, ...]
    """Where each rank runs."""


def append_start(directory: TrialDir, start: Start) -> None:
    """Add one line."""
    append_line(directory.starts, start.model_dump_json())


def read_starts(directory: TrialDir) -> list[Start]:
    """All starts, in order."""
    return read_spec_lines(directory.starts, Start, directory.remedy)
