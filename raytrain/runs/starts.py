"""`starts.jsonl`: each start of a training, one line by rank 0; several lines if it resumed."""

from raytrain.config.base import Spec
from raytrain.runs.files import append_line, read_spec_lines
from raytrain.runs.layout import TrialDir


class Start(Spec):
    """One start."""

    epochs: int
    """Epochs done before this start, from the checkpoint that it resumes from."""
    nodes: tuple[str, ...]
    """The node of each rank."""


def append_start(directory: TrialDir, start: Start) -> None:
    """Append one start."""
    append_line(directory.starts, start.model_dump_json())


def read_starts(directory: TrialDir) -> list[Start]:
    """Return all starts, in order."""
    return read_spec_lines(directory.starts, Start, directory.remedy)
