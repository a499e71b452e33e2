"""Smooth random bends of images (ElasticTransform).

Shape suffixes: B samples, 2 the shifts along x and y, H x W pixels, K taps.
"""

from functools import lru_cache

import torch

from raytrain.config.augmentation.spatial import ElasticTransformSpec
from raytrain.data.batched import sampling
from raytrain.data.batched.draws import Size
from raytrain.data.batched.grays import seeded


def bends(
    spec: ElasticTransformSpec, keys: list[int], size: Size, device: torch.device
) -> torch.Tensor:
    """Return bend_B2HW, the shifts in px along x and y: normal noise divided by its maximum,
    blurred, times alpha."""
    noise_B2HW = seeded(keys, (2, *size), device, "normal")
    noise_B2HW *= spec.alpha / noise_B2HW.abs().amax((1, 2, 3), keepdim=True)
    down_HH, across_WW = (smoothing(spec.sigma, side, device) for side in size)
    return torch.stack([sampling.filtered(part, down_HH, across_WW) for part in noise_B2HW])


@lru_cache(maxsize=16)
def smoothing(sigma: float, side: int, device: torch.device) -> torch.Tensor:
    """Return the matrix (side, side) that filters a row of `side` pixels with a Gaussian.

    The Gaussian's radius is OpenCV's for floats, and the outermost pixels are repeated beyond the
    border. The CPU makes the matrix, because a GPU would add up the weights in another order each
    time.
    """
    radius = round(sigma * 8 + 1) // 2
    tap_K = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, dtype=torch.float32) / sigma) ** 2)
    return sampling.filters((tap_K / tap_K.sum())[None], side, "replicate")[0].to(device)


def bent(
    places: sampling.Places, bend_B2HW: torch.Tensor, active: list[int], batch: int
) -> sampling.Places:
    """Return the places with the source of each pixel shifted by its sample's bend (px). Samples
    that are not `active` keep their places."""
    shift_B2HW = bend_B2HW.new_zeros(batch, *bend_B2HW.shape[1:])
    for place, bend_2HW in zip(active, bend_B2HW, strict=True):
        shift_B2HW[place] = bend_2HW
    x_BHW, y_BHW = (
        plane_BHW.expand(shift_B2HW[:, 0].shape) for plane_BHW in (places.x_BHW, places.y_BHW)
    )
    # A bend is defined at the pixels that it moves; after other moves these lie between pixels.
    here_B2HW = sampling.linear(shift_B2HW, sampling.Places(x_BHW, y_BHW))
    return sampling.Places(
        x_BHW + here_B2HW[:, 0], y_BHW + here_B2HW[:, 1], places.weight_BHW, places.inside_BHW
    )
