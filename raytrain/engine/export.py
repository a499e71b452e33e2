"""A trained network as a program that needs nothing of ours: torch.export's, checked for parity."""

from pathlib import Path

import torch
from torch.export import Dim

from raytrain.engine.predictor import load_predictor
from raytrain.runs.files import atomic_path

TOLERANCE = 1e-4
"""Largest difference of a probability that is let pass."""


def export_program(checkpoint: Path, target: Path) -> float:
    """Write the `.pt2` program from image_BCHW (the data's own values, the size trained on, any
    number of images) to prob_BKHW; returns the largest difference of a probability on noise.

    Raises ValueError when the network cannot be exported or the program's answer differs.
    """
    predictor = load_predictor(checkpoint)
    generator = torch.Generator().manual_seed(0)
    shape = (predictor.card.channels, *predictor.card.size)
    first, second = (255 * torch.rand(n, *shape, generator=generator) for n in (2, 3))
    try:
        with torch.no_grad():
            program = torch.export.export(predictor, (first,), dynamic_shapes=({0: Dim.AUTO},))
    except Exception as error:  # torch.export fails in as many ways as there are networks
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ValueError(f"{checkpoint}: torch.export cannot take this network: {reason}") from None
    with atomic_path(target) as temporary:
        torch.export.save(program, temporary)
        again = torch.export.load(temporary).module()
        with torch.no_grad():
            difference = max(float((again(x) - predictor(x)).abs().max()) for x in (first, second))
        if not difference <= TOLERANCE:
            raise ValueError(
                f"{checkpoint}: the exported program's probabilities differ by {difference:.2g}, "
                f"more than {TOLERANCE:g}; nothing was written"
            )
    return difference
