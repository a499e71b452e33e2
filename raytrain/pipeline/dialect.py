"""`dialect`: infer how a competition encodes its masks, from its own files."""

from pathlib import Path

from raytrain.submission.inference.block import yaml_block
from raytrain.submission.inference.infer import infer


def dialect(sample: Path, train: Path | None, images: Path | None) -> str:
    """Return the findings, line by line, and the YAML that sets them.

    Raises ValueError for files that cannot be read or contradict each other.
    """
    found = infer(sample, train, images)
    return "\n".join([*map(str, found.findings), "", yaml_block(found)])
