"""Each network learns four phantom images by heart (`make zoo`; some minutes each on one core)."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.optim.swa_utils import update_bn

from raytrain.config.losses import CrossEntropySpec, SoftDiceSpec
from raytrain.config.models import FcnSpec, ModelSpec, SmpSpec
from raytrain.data.phantom import draw_patient
from raytrain.losses import build_loss
from raytrain.metrics.dice import mean_foreground_dice, overlap_counts
from raytrain.models import build_model
from tests.model_cases import label
from tests.zoo.compiling import SPECS

STEPS = 300
NETWORKS: list[ModelSpec] = [
    *SPECS,
    FcnSpec(stride=32, width=16, encoder="vgg11"),
    FcnSpec(stride=16, width=16, encoder="vgg11"),
    SmpSpec(decoder="deeplabv3plus", encoder="mobilenet_v2"),
    SmpSpec(decoder="deeplabv3plus", encoder="tu-xception65"),
]
LEARNT = 0.95
GRIDS = {
    "fcn32s-vgg11": (32, "bilinear"),
    "setr-vit_tiny_patch16_224-naive": (16, "bilinear"),
    "ning": (4, "nearest"),
}
"""Networks whose labels stand on a coarse grid: its pixels, and how it is enlarged. They are to
come within .03 of the truth that went through the same grid."""


@pytest.mark.parametrize("spec", NETWORKS, ids=label)
def test_four_images_are_learnt_by_heart(spec: ModelSpec) -> None:
    torch.manual_seed(0)
    image_BCHW, target_BHW = _four_images(2 if spec.label.startswith("pan-") else 1)
    network = build_model(spec, 1, 4, None)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    loss = build_loss((CrossEntropySpec(), SoftDiceSpec()), "single_label", (1, 1, 1, 1))
    best, bar = 0.0, _bar(spec, target_BHW)
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        loss(network.train()(image_BCHW), target_BHW).backward()
        optimizer.step()
        if step % 25 == 0:
            best = max(best, _dice(network, image_BCHW, target_BHW))
            if best > bar:
                print(f"{spec.label}: Dice {best:.3f} after {step} steps (bar {bar:.3f})")
                return
    pytest.fail(f"Dice {best:.3f} after {STEPS} steps (bar {bar:.3f})")


def _bar(spec: ModelSpec, target_BHW: torch.Tensor) -> float:
    """The Dice to reach."""
    if spec.label not in GRIDS:
        return LEARNT
    side, way = GRIDS[spec.label]
    truth_BKHW = functional.one_hot(target_BHW, 4).permute(0, 3, 1, 2).float()
    cells = functional.avg_pool2d(truth_BKHW, side)
    passed_BHW = functional.interpolate(cells, target_BHW.shape[1:], mode=way).argmax(1)
    counts = overlap_counts(passed_BHW, target_BHW, 4, "single_label")
    return min(LEARNT, mean_foreground_dice(counts.numpy()) - 0.03)


def _four_images(times: int) -> tuple[torch.Tensor, torch.Tensor]:
    """image_BCHW of zero mean and unit variance, and target_BHW; so many times as large as they
    are, for PAN's pyramid leaves nothing of 96 px."""
    pairs = [pair for patient in (1, 2) for pair in draw_patient(0, patient)]
    images, masks = (
        np.stack(planes).repeat(times, 1).repeat(times, 2) for planes in zip(*pairs, strict=True)
    )
    image_BCHW = torch.from_numpy(images).float()[:, None]
    image_BCHW = (image_BCHW - image_BCHW.mean()) / image_BCHW.std()
    return image_BCHW, torch.from_numpy(masks).long()


@torch.no_grad()
def _dice(network: nn.Module, image_BCHW: torch.Tensor, target_BHW: torch.Tensor) -> float:
    # EfficientNet's running statistics follow so slowly that 300 steps are not enough.
    update_bn([image_BCHW], network)
    pred_BHW = network.eval()(image_BCHW).argmax(1)
    return mean_foreground_dice(overlap_counts(pred_BHW, target_BHW, 4, "single_label").numpy())
