"""The costs of a network: parameters and multiply-adds, counted without memory."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from raytrain.config.models import ModelSpec
from raytrain.models import without_memory


def costs(
    spec: ModelSpec, channels: int, classes: int, sides: tuple[int, ...]
) -> tuple[int, list[int | None]]:
    """Return the number of trained (or fitted) values, and the multiply-adds for one square image
    of each of these sides (px); None if the network refuses the size.

    Convolutions, matrix products and attention are counted, as half of the floating-point
    operations that torch reports. Comparisons in trees are not counted. Raises ValueError when
    there is no such network.
    """
    try:
        model = without_memory(spec, channels, classes).eval()
    except Exception as error:  # timm's many encoders raise errors of many types
        raise ValueError(f"{spec.label}: {error}") from None
    found = [_multiply_adds(model, channels, side) for side in sides]
    return sum(value.numel() for value in model.parameters()), found


def _multiply_adds(model: torch.nn.Module, channels: int, side: int) -> int | None:
    try:
        with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
            model(torch.empty(1, channels, side, side))
    except (RuntimeError, ValueError):
        return None
    return counter.get_total_flops() // 2
