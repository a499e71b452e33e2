"""Probability maps from checkpoints, and the mean of several members'.

Shape suffixes: N images, K classes, H x W pixels.
"""

from pathlib import Path

import numpy as np
import torch

from raytrain.config.trial import TrialSpec
from raytrain.data.cache import Cache
from raytrain.data.dataset import Scaling, fixed_batches
from raytrain.engine.checkpoint import load_checkpoint
from raytrain.engine.parallel import current_world
from raytrain.engine.step import forward
from raytrain.models import build_model
from raytrain.runs.files import read_json


@torch.inference_mode()
def member_probabilities(checkpoint: Path, cache: Cache, ids: tuple[str, ...]) -> np.ndarray:
    """prob_NKHW (float32, sums to 1 over K) of one member for these images.

    The checkpoint describes its own network, classes and scaling. Batches depend on `ids` alone,
    so the same call gives the same bits.
    """
    card = read_json(checkpoint.with_suffix(".json"))
    spec = TrialSpec.model_validate(card["spec"])
    scaling = Scaling(
        tuple(card["scaling"]["mean"]), tuple(card["scaling"]["std"]), card["scaling"]["per_image"]
    )
    device = current_world().device
    model = build_model(spec.model, card["channels"], len(card["classes"]), None).to(device)
    model.load_state_dict(load_checkpoint(checkpoint)["model"])
    model.eval()
    maps = [
        forward(model, batch.image_BCHW.to(device), spec.precision).softmax(1).cpu().numpy()
        for batch in fixed_batches(cache, cache.rows(ids), scaling, spec.batch_size)
    ]
    return np.concatenate(maps)


def ensemble_masks(checkpoints: list[Path], cache: Cache, ids: tuple[str, ...]) -> np.ndarray:
    """mask_NHW (uint8): the class with the highest mean probability over the members."""
    total_NKHW = member_probabilities(checkpoints[0], cache, ids)
    for checkpoint in checkpoints[1:]:
        total_NKHW = total_NKHW + member_probabilities(checkpoint, cache, ids)
    return total_NKHW.argmax(1).astype(np.uint8)
