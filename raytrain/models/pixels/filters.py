"""Local filters of an image at several scales, as in scipy.ndimage (border: `nearest`).

Shape suffixes: C channels, R taps, F features, H x W pixels; 3 = orders of the derivative.
"""

import torch
from torch.nn import functional

PER_SCALE = 7


def feature_count(channels: int, scales: tuple[float, ...]) -> int:
    """Return F, the number of features: the channels themselves, and seven filters of each channel
    at each scale."""
    return channels * (1 + PER_SCALE * len(scales))


def filters(image_CHW: torch.Tensor, scales: tuple[float, ...]) -> torch.Tensor:
    """Return feature_FHW of one image, float32.

    The first features are the image itself. For each scale follow the Gaussian, the gradient
    magnitude, the Laplacian of Gaussian, and the larger and smaller eigenvalues of the Hessian and
    of the structure tensor, each over all channels.
    """
    found = [image_CHW]
    for scale in scales:
        taps_3R = gaussian_taps(scale).to(image_CHW)
        smooth, down, right = (_filtered(image_CHW, taps_3R, *o) for o in ((0, 0), (1, 0), (0, 1)))
        yy, xx, yx = (_filtered(image_CHW, taps_3R, *o) for o in ((2, 0), (0, 2), (1, 1)))
        products = (down * down, right * right, down * right)
        tensor = (_filtered(product, taps_3R, 0, 0) for product in products)
        found += [smooth, torch.sqrt(down**2 + right**2), yy + xx]
        found += [*_eigenvalues(yy, xx, yx), *_eigenvalues(*tensor)]
    return torch.cat(found)


def gaussian_taps(scale: float) -> torch.Tensor:
    """Return taps_3R (float64) of a Gaussian and its first two derivatives, up to 4 standard
    deviations."""
    radius = int(4 * scale + 0.5)
    place_R = torch.arange(-radius, radius + 1, dtype=torch.float64, device="cpu")
    bell_R = torch.exp(-0.5 * (place_R / scale) ** 2)
    bell_R = bell_R / bell_R.sum()
    second_R = place_R**2 / scale**4 - 1 / scale**2
    return torch.stack([bell_R, bell_R * place_R / scale**2, bell_R * second_R])


def _filtered(
    image_CHW: torch.Tensor, taps_3R: torch.Tensor, down: int, right: int
) -> torch.Tensor:
    """Return the derivative of the orders `down` and `right`, for each channel separately."""
    radius = taps_3R.shape[1] // 2
    planes = functional.pad(image_CHW[:, None], (0, 0, radius, radius), mode="replicate")
    planes = functional.conv2d(planes, taps_3R[down][None, None, :, None])
    planes = functional.pad(planes, (radius, radius, 0, 0), mode="replicate")
    return functional.conv2d(planes, taps_3R[right][None, None, None, :])[:, 0]


def _eigenvalues(
    yy: torch.Tensor, xx: torch.Tensor, yx: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the eigenvalues of the symmetric matrices [[yy, yx], [yx, xx]], larger first."""
    middle, half = (yy + xx) / 2, torch.sqrt(((yy - xx) / 2) ** 2 + yx**2)
    return middle + half, middle - half
