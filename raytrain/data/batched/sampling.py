"""The source position of each pixel, and the sampling of images and masks at these positions.

Shape suffixes: B samples, C channels, H x W pixels, K taps.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn import functional

Border = Literal["reflect_101", "reflect", "replicate", "constant"]


@dataclass
class Places:
    """The source of each pixel: x and y in pixels of the image, inside it."""

    x_BHW: torch.Tensor
    y_BHW: torch.Tensor
    weight_BHW: torch.Tensor | None = None
    """Weight of the image at a pixel. The rest of the weight is that of the darkest value. None: 1
    everywhere."""
    inside_BHW: torch.Tensor | None = None
    """Whether the nearest pixel lies in the image; None: everywhere."""


def start(height: int, width: int, device: torch.device) -> Places:
    """Return the places at which every pixel is its own source, for any number of samples."""
    y_H = torch.arange(height, device=device, dtype=torch.float32)
    x_W = torch.arange(width, device=device, dtype=torch.float32)
    return Places(x_W.expand(1, height, width), y_H[:, None].expand(1, height, width))


def moved(places: Places, matrix_B6: torch.Tensor) -> Places:
    """Return the places after one affine map per sample: x becomes a x + b y + c, and y becomes
    d x + e y + f, with a .. f in matrix_B6. Positions may then be outside the image."""
    a, b, c, d, e, f = matrix_B6[..., None, None].unbind(1)
    x, y = places.x_BHW, places.y_BHW
    return Places(
        torch.addcmul(torch.addcmul(c, x, a), y, b),
        torch.addcmul(torch.addcmul(f, x, d), y, e),
        places.weight_BHW,
        places.inside_BHW,
    )


def folded(places: Places, border: Border, height: int, width: int) -> Places:
    """Return the places with positions outside the image mapped back into it, as OpenCV's border
    mode of this name does."""
    weight_BHW, inside_BHW = places.weight_BHW, places.inside_BHW
    if border == "constant":
        parts = [(places.x_BHW, width), (places.y_BHW, height)]
        weights = [(1 - (v - v.clamp(0, side - 1)).abs()).clamp_min(0) for v, side in parts]
        within = [(v >= -0.5) & (v < side - 0.5) for v, side in parts]
        weight_BHW = weights[0] * weights[1] * (1 if weight_BHW is None else weight_BHW)
        inside_BHW = within[0] & within[1] & (True if inside_BHW is None else inside_BHW)
    x_BHW = _folded(places.x_BHW, width, border)
    return Places(x_BHW, _folded(places.y_BHW, height, border), weight_BHW, inside_BHW)


def _folded(place: torch.Tensor, side: int, border: Border) -> torch.Tensor:
    last = side - 1
    if border == "reflect_101" and last:
        return last - (place.remainder(2 * last) - last).abs()
    if border == "reflect":
        # Half a pixel around each edge has the value of the edge.
        place = side - ((place + 0.5).remainder(2 * side) - side).abs() - 0.5
    return place.clamp(0, last)


def linear(image_BCHW: torch.Tensor, places: Places) -> torch.Tensor:
    """Return the images at these positions, linearly interpolated between pixels."""
    height, width = image_BCHW.shape[2:]
    grid_BHW2 = torch.stack(
        [
            places.x_BHW * (2 / max(1, width - 1)) - 1,
            places.y_BHW * (2 / max(1, height - 1)) - 1,
        ],
        3,
    )
    found_BCHW = functional.grid_sample(
        image_BCHW, grid_BHW2, padding_mode="border", align_corners=True
    )
    if places.weight_BHW is not None:
        found_BCHW = found_BCHW * places.weight_BHW[:, None]
    return found_BCHW


def nearest(plane_BHW: torch.Tensor, places: Places) -> torch.Tensor:
    """Return masks (or one channel) at the pixels nearest to these positions; 0 outside."""
    batch, height, width = plane_BHW.shape
    x_BHW = (places.x_BHW + 0.5).floor().clamp(0, width - 1).long()
    y_BHW = (places.y_BHW + 0.5).floor().clamp(0, height - 1).long()
    found_BHW = plane_BHW.reshape(batch, -1).gather(1, (y_BHW * width + x_BHW).reshape(batch, -1))
    found_BHW = found_BHW.reshape(batch, height, width)
    if places.inside_BHW is not None:
        found_BHW = found_BHW.masked_fill(~places.inside_BHW, 0)
    return found_BHW


def blurred(image_BCHW: torch.Tensor, tap_BK: torch.Tensor, active: list[int]) -> torch.Tensor:
    """Return the images; the `active` ones are filtered along height and width, each with its own
    row of taps. Borders are mirrored."""
    down_BHH, across_BWW = (filters(tap_BK, side, "reflect_101") for side in image_BCHW.shape[2:])
    changed_BCHW = image_BCHW.clone()
    for place in active:
        changed_BCHW[place] = filtered(image_BCHW[place], down_BHH[place], across_BWW[place])
    return changed_BCHW


def filtered(
    image_CHW: torch.Tensor, down_HH: torch.Tensor, across_WW: torch.Tensor
) -> torch.Tensor:
    """Return one image filtered with two matrices of `filters`. It is one image because the
    rounding of matrix products depends on the batch."""
    return down_HH @ image_CHW @ across_WW.T


def filters(tap_BK: torch.Tensor, side: int, border: Border) -> torch.Tensor:
    """Return filter_BSS: for each row of taps, the matrix that filters a row of S = `side` pixels.
    The border mode says which pixels count beyond the ends."""
    batch, taps = tap_BK.shape
    offset_K = torch.arange(taps, device=tap_BK.device) - taps // 2
    place_SK = torch.arange(side, device=tap_BK.device)[:, None] + offset_K
    index_SK = _folded(place_SK.float(), side, border).round().long()
    filter_BSS = tap_BK.new_zeros(batch, side, side)
    return filter_BSS.scatter_add(
        2, index_SK.expand(batch, -1, -1), tap_BK[:, None].expand(-1, side, -1).contiguous()
    )
