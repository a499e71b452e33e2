"""Changes of gray values, 0 .. 1, of whole batches.

Shape suffixes: B samples, P numbers, C channels, H x W pixels.
"""

from collections.abc import Callable
from typing import Any, Literal

import torch

from raytrain.config.augmentation import TransformSpec
from raytrain.config.augmentation.gray import MultiplicativeNoiseSpec
from raytrain.data.batched import sampling


def seeded(
    keys: list[int],
    shape: tuple[int, ...],
    device: torch.device,
    law: Literal["normal", "uniform"],
) -> torch.Tensor:
    """Return the noise of each key, standard normal or uniform in 0 .. 1. It does not depend on the
    other keys."""
    generator = torch.Generator(device)
    noise = torch.empty((len(keys), *shape), device=device)
    for key, one in zip(keys, noise, strict=True):
        generator.manual_seed(key)
        if law == "normal":
            one.normal_(generator=generator)
        else:
            one.uniform_(generator=generator)
    return noise


def _linear(
    spec: TransformSpec, image_BCHW: torch.Tensor, number_B2: torch.Tensor, active: list[int],
    keys: list[int],
) -> torch.Tensor:  # fmt: skip
    factor, shift = number_B2[..., None, None, None].unbind(1)
    return torch.addcmul(shift, image_BCHW, factor).clamp_(0, 1)


def _gamma(
    spec: TransformSpec, image_BCHW: torch.Tensor, number_B1: torch.Tensor, active: list[int],
    keys: list[int],
) -> torch.Tensor:  # fmt: skip
    return image_BCHW.clamp(0, 1).pow_(number_B1[..., None, None])


def _noise(
    spec: TransformSpec, image_BCHW: torch.Tensor, number_B1: torch.Tensor, active: list[int],
    keys: list[int],
) -> torch.Tensor:  # fmt: skip
    noise = seeded(keys, tuple(image_BCHW.shape[1:]), image_BCHW.device, "normal")
    changed_BCHW = image_BCHW.clone()
    for place, one_CHW in zip(active, noise, strict=True):
        changed_BCHW[place].addcmul_(one_CHW, number_B1[place][:, None, None]).clamp_(0, 1)
    return changed_BCHW


def _grain(
    spec: MultiplicativeNoiseSpec, image_BCHW: torch.Tensor, number_B2: torch.Tensor,
    active: list[int], keys: list[int],
) -> torch.Tensor:  # fmt: skip
    """Multiply by one factor per sample, or by one factor per pixel from the range. All channels
    have the same factors."""
    if not spec.elementwise:
        return _linear(spec, image_BCHW, number_B2, active, keys)
    low, high = spec.multiplier
    factors = seeded(keys, (1, *image_BCHW.shape[2:]), image_BCHW.device, "uniform")
    changed_BCHW = image_BCHW.clone()
    for place, factor_1HW in zip(active, factors, strict=True):
        changed_BCHW[place].mul_(low + (high - low) * factor_1HW).clamp_(0, 1)
    return changed_BCHW


def _blur(
    spec: TransformSpec, image_BCHW: torch.Tensor, tap_BK: torch.Tensor, active: list[int],
    keys: list[int],
) -> torch.Tensor:  # fmt: skip
    return sampling.blurred(image_BCHW, tap_BK, active)


GRAYS: dict[str, Callable[[Any, torch.Tensor, torch.Tensor, list[int], list[int]], torch.Tensor]]
GRAYS = {
    "linear": _linear,
    "gamma": _gamma,
    "noise": _noise,
    "grain": _grain,
    "blur": _blur,
}
"""Kind -> change(spec, image_BCHW, number_BP, samples to change, keys of these samples)."""
