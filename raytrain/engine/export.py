"""Export a trained network as a program that does not need raytrain, with a parity check: by
torch.export, or as ONNX."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.export import Dim

from raytrain.engine.onnx_program import load_onnx, write_onnx
from raytrain.engine.predictor import exportable
from raytrain.runs.files import atomic_path

TOLERANCE = 1e-4
"""Largest accepted difference between two probabilities."""

Program = Callable[[torch.Tensor], torch.Tensor]
Writer = Callable[[nn.Module, torch.Tensor, Path], None]
Reader = Callable[[Path], Program]


def write_program(network: nn.Module, image_BCHW: torch.Tensor, path: Path) -> None:
    """Write torch.export's `.pt2` file for images of this size, in batches of any size.

    Raises ValueError when the network cannot be exported.
    """
    try:
        with torch.no_grad():
            shapes = ({0: Dim.AUTO},)
            program = torch.export.export(network, (image_BCHW,), dynamic_shapes=shapes)
    except Exception as error:  # torch.export raises errors of many types
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ValueError(
            f"torch.export cannot export this network: {reason}; use the checkpoint itself, with "
            "`raytrain predict IMAGES --with CHECKPOINT`"
        ) from None
    torch.export.save(program, path)


def load_program(path: Path) -> Program:
    """Return the function from image_BCHW to prob_BKHW in a `.pt2` file of `write_program`."""
    return torch.export.load(path).module()


FORMATS: dict[str, tuple[Writer, Reader]] = {
    ".pt2": (write_program, load_program),
    ".onnx": (write_onnx, load_onnx),
}
"""File extension -> (function that writes, function that reads)."""


def export_program(checkpoint: Path, target: Path, trust: bool = False) -> float:
    """Write a checkpoint's network to `target`: a program of torch.export (.pt2) or ONNX (.onnx).

    The program maps image_BCHW (the data's own values, at the training size, in batches of any
    size) to prob_BKHW. Returns the largest difference between its probabilities and the network's,
    on noise. `trust` allows running the Python files of the checkpoint's run.

    Raises ValueError when there is no such format, its packages are not installed, the network
    cannot be exported, or the program's output differs too much.
    """
    if target.suffix not in FORMATS:
        raise ValueError(f"{target}: the file of a program must end in {' or '.join(FORMATS)}")
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
                f"more than {TOLERANCE:g}, from the network's, so it was not written; use the "
                "checkpoint itself, with `raytrain predict IMAGES --with CHECKPOINT`"
            )
    return difference
