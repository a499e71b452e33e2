"""A trained network as a program that needs nothing of ours, checked for parity: torch.export's,
or ONNX."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.export import Dim

from raytrain.engine.onnx_program import load_onnx, write_onnx
from raytrain.engine.predictor import exportable
from raytrain.runs.files import atomic_path

TOLERANCE = 1e-4
"""Largest difference of a probability that is let pass."""

Program = Callable[[torch.Tensor], torch.Tensor]
Writer = Callable[[nn.Module, torch.Tensor, Path], None]
Reader = Callable[[Path], Program]


def write_program(network: nn.Module, image_BCHW: torch.Tensor, path: Path) -> None:
    """Write torch.export's `.pt2` file for images of this size, any number of them at once.

    Raises ValueError when the network cannot be exported.
    """
    try:
        with torch.no_grad():
            shapes = ({0: Dim.AUTO},)
            program = torch.export.export(network, (image_BCHW,), dynamic_shapes=shapes)
    except Exception as error:  # torch.export fails in as many ways as there are networks
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ValueError(f"torch.export cannot take this network: {reason}") from None
    torch.export.save(program, path)


def load_program(path: Path) -> Program:
    """What `write_program` wrote."""
    return torch.export.load(path).module()


FORMATS: dict[str, tuple[Writer, Reader]] = {
    ".pt2": (write_program, load_program),
    ".onnx": (write_onnx, load_onnx),
}
"""A file's ending -> how it is written and read."""


def export_program(checkpoint: Path, target: Path, trust: bool = False) -> float:
    """Write the program, in the format that the target's ending names, from image_BCHW (the data's
    own values, the size trained on, any number of images) to prob_BKHW; returns the largest
    difference of a probability on noise. `trust` as in `load_predictor`.

    Raises ValueError when there is no such format, its packages are not installed, the network
    cannot be exported or the program's answer differs.
    """
    if target.suffix not in FORMATS:
        raise ValueError(f"{target}: programs are written as {' or '.join(FORMATS)} files")
    write, load = FORMATS[target.suffix]
    predictor = exportable(checkpoint, trust)
    generator = torch.Generator().manual_seed(0)
    shape = (predictor.card.channels, *predictor.card.size)
    batches = [255 * torch.rand(n, *shape, generator=generator) for n in (2, 3, 1)]
    with atomic_path(target) as temporary:
        try:
            write(predictor, batches[0], temporary)
            again = load(temporary)
        except ValueError as error:
            raise ValueError(f"{checkpoint}: {error}") from None
        with torch.no_grad():
            difference = max(float((again(x) - predictor(x)).abs().max()) for x in batches)
        if not difference <= TOLERANCE:
            raise ValueError(
                f"{checkpoint}: the exported program's probabilities differ by {difference:.2g}, "
                f"more than {TOLERANCE:g}; nothing was written"
            )
    return difference
