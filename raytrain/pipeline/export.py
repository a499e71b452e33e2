"""`export`: write a checkpoint as a program that runs without raytrain."""

from pathlib import Path

from raytrain.engine.export import export_program


def export(checkpoint: Path, out: Path | None, trust: bool = False) -> str:
    """Write the program next to the checkpoint, or to `out`, and return a message for the user."""
    target = out or checkpoint.with_suffix(".pt2")
    difference = export_program(checkpoint, target, trust)
    return f"written: {target} (probabilities differ by {difference:.1g} at most)"
