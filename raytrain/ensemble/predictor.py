"""An ensemble in memory: from an image to probabilities and to a mask, for use from Python.

Shape suffixes: N images, C channels, K classes, H x W pixels.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from raytrain.config.target import stored_type
from raytrain.data.decode import decode_image
from raytrain.data.new_cache import new_cache
from raytrain.engine.predictor import Card
from raytrain.ensemble.prediction import Strips, load_share, mean_strips
from raytrain.ensemble.shares import shares
from raytrain.ensemble.source import Source, open_source
from raytrain.metrics.decide import mask_of_strips
from raytrain.runs.messages import counted


def load_predictor(path: Path | str, trust: bool = False) -> "Predictor":
    """Return the predictor of a run's folder, a bundle (folder or zip) or a checkpoint.

    It is loaded to the GPU if there is one. `trust` allows running the Python files in the run's
    `extend`. Raises ValueError that names these files if they are needed and `trust` is not given,
    and when something is missing or changed.
    """
    return Predictor(open_source(Path(path), trust))


class Predictor(nn.Module):
    """Maps images of any size to probabilities and masks, in the same way as the pipeline predicts
    test images: framed or tiled, scaled, with all views and networks, and assembled at the image's
    own size."""

    def __init__(self, source: Source):
        super().__init__()
        self.bundle, self._kind = source.bundle, source.kind
        networks, _ = shares(source.parts)
        self._loaded = [load_share(each) for each in networks]
        self.networks = nn.ModuleList(each.network for each in self._loaded)

    @property
    def card(self) -> Card:
        """The description of the first network, from the `.json` beside its checkpoint. All
        networks have the same classes, channels and data type."""
        return self._loaded[0].card

    def forward(self, image: Any) -> Any:
        """Return prob_KHW (float32, 0 .. 1), or prob_NKHW for N x C x H x W.

        The image is H x W, H x W x C or N x C x H x W in the data's own values, or the path of a
        file. A tensor gives a tensor, anything else an array. With overlapping classes, the
        background has no map. Raises ValueError for another number of channels, for values outside
        the data's type, and for anything that is not an image.
        """
        image_NHWC = self._typed(self._shaped(image))
        maps = [np.concatenate(list(strips), axis=1) for strips in self._strips(image_NHWC)]
        return _returned(maps, image)

    def mask(self, image: Any) -> Any:
        """Return mask_HW, or mask_NHW, after the ensemble's steps.

        A pixel's number is its class; if classes overlap, bit k - 1 says whether the pixel belongs
        to class k. Images and errors are as in `forward`.
        """
        bundle, image_NHWC = self.bundle, self._typed(self._shaped(image))
        _, height, width, _ = image_NHWC.shape
        masks = [
            mask_of_strips(strips, (height, width), bundle.target, bundle.steps)
            for strips in self._strips(image_NHWC)
        ]
        if not isinstance(image, torch.Tensor):
            kind = stored_type(len(bundle.classes), bundle.target)
            masks = [mask_HW.astype(kind) for mask_HW in masks]
        return _returned(masks, image)

    def _strips(self, image_NHWC: np.ndarray) -> Iterator[Strips]:
        count, height, width, channels = image_NHWC.shape
        cache = new_cache(
            image_NHWC.__getitem__, [(height, width)] * count, channels, self.bundle.target
        )
        return mean_strips(self._loaded, cache, np.arange(count))

    def _shaped(self, image: Any) -> np.ndarray:
        """Return image_NHWC in the type of the given values. Raises ValueError for anything else
        than an image with the network's number of channels."""
        if isinstance(image, str | Path):
            return self._read(Path(image))[None]
        channels = self.bundle.channels
        expected = (
            f"give an array or tensor, H x W x {channels} or N x {channels} x H x W"
            f"{' or H x W' * (channels == 1)}, in the data's own values, or the path of a file"
        )
        if not isinstance(image, np.ndarray | torch.Tensor):
            raise ValueError(f"{type(image).__name__} is not an image; {expected}")
        array = image.detach().cpu().numpy() if isinstance(image, torch.Tensor) else image
        if array.size and array.ndim == 4 and array.shape[1] == channels:
            return array.transpose(0, 2, 3, 1)
        if array.size and array.ndim == 3 and array.shape[2] == channels:
            return array[None]
        if array.size and array.ndim == 2 and channels == 1:
            return array[None, ..., None]
        raise ValueError(
            f"the network was trained on {counted(channels, 'channel')}, and the image has the "
            f"shape {list(array.shape)}; {expected}"
        )

    def _read(self, path: Path) -> np.ndarray:
        if not path.is_file():
            raise ValueError(f"{path}: no such file; give the path of an image, or an array")
        image_HWC = decode_image(path)
        if problem := self._kind.problem(image_HWC):
            raise ValueError(f"{path}: {problem}")
        return image_HWC

    def _typed(self, image_NHWC: np.ndarray) -> np.ndarray:
        own = np.dtype(self.bundle.dtype)
        if image_NHWC.dtype.kind not in ("biuf" if own.kind == "b" else "iuf"):
            raise ValueError(
                f"the image has the type {image_NHWC.dtype}, but the network was trained on {own}; "
                "give an array of integers or floats with the data's own values"
            )
        if image_NHWC.dtype.kind == "f" and not np.isfinite(image_NHWC).all():
            raise ValueError("the image has values that are not finite (NaN or inf); replace them")
        with np.errstate(invalid="ignore"):
            typed_NHWC = np.ascontiguousarray(image_NHWC.astype(own))
        if own.kind in "iu" and not np.array_equal(typed_NHWC, image_NHWC):
            raise ValueError(
                f"the image has values that {own} cannot hold, but the network was trained on "
                f"{own}; give the data's own values, not scaled ones"
            )
        return typed_NHWC


def _returned(planes: list[np.ndarray], image: Any) -> Any:
    """Return the results (maps or masks) of all images as one stack, or that of the only image. The
    result is a tensor if the image was one, else an array."""
    several = isinstance(image, np.ndarray | torch.Tensor) and image.ndim == 4
    array = np.stack(planes) if several else planes[0]
    return torch.from_numpy(array).to(image.device) if isinstance(image, torch.Tensor) else array
