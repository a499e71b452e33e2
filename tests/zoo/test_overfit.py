"""Each network learns four phantom images by heart (`make zoo`; some minutes each on one core)."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from raytrain.config.losses import CrossEntropySpec, SoftDiceSpec
from raytrain.config.models import ModelSpec, SmpSpec
from raytrain.config.names import SMP_DECODERS
from raytrain.data.phantom import draw_patient
from raytrain.losses import build_loss
from raytrain.metrics.dice import mean_foreground_dice, overlap_counts
from raytrain.models import build_model
from tests.model_cases import label
from tests.zoo.compiling import SPECS

STEPS = 300
TRIED = ("deeplabv3plus", "dpt", "unet")
"""Decoders that SPECS has."""
NETWORKS: list[ModelSpec] = [
    *SPECS,
    *(
        SmpSpec(decoder=name)
        for name in SMP_DECODERS
        if name not in ("deeplabv3plus", "dpt", "unet")
    ),
    SmpSpec(decoder="deeplabv3plus", encoder="mobilenet_v2"),
    SmpSpec(decoder="deeplabv3plus", encoder="tu-xception65"),
]
LEARNT = {"ning": 0.85}
"""Where .95 is out of reach: one label for each 4x4 cell."""


@pytest.mark.parametrize("spec", NETWORKS, ids=label)
def test_four_images_are_learnt_by_heart(spec: ModelSpec) -> None:
    torch.manual_seed(0)
    image_BCHW, target_BHW = _four_images()
    network = build_model(spec, 1, 4, None)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    loss = build_loss((CrossEntropySpec(), SoftDiceSpec()), "single_label", (1, 1, 1, 1))
    best = 0.0
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        loss(network.train()(image_BCHW), target_BHW).backward()
        optimizer.step()
        if step % 25 == 0:
            best = max(best, _dice(network, image_BCHW, target_BHW))
            if best > LEARNT.get(spec.name, 0.95):
                return
    pytest.fail(f"Dice {best:.3f} after {STEPS} steps")


def _four_images() -> tuple[torch.Tensor, torch.Tensor]:
    """image_BCHW of zero mean and unit variance, and target_BHW."""
    pairs = [pair for patient in (1, 2) for pair in draw_patient(0, patient)]
    images, masks = (np.stack(planes) for planes in zip(*pairs, strict=True))
    image_BCHW = torch.from_numpy(images).float()[:, None]
    image_BCHW = (image_BCHW - image_BCHW.mean()) / image_BCHW.std()
    return image_BCHW, torch.from_numpy(masks).long()


@torch.no_grad()
def _dice(network: nn.Module, image_BCHW: torch.Tensor, target_BHW: torch.Tensor) -> float:
    # EfficientNet's running statistics follow so slowly that 300 steps are not enough.
    update_bn([image_BCHW], network)
    pred_BHW = network.eval()(image_BCHW).argmax(1)
    return mean_foreground_dice(overlap_counts(pred_BHW, target_BHW, 4, "single_label").numpy())
