"""Probability maps from checkpoints, and the masks of several members.

Shape suffixes: K classes, H x W pixels.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from raytrain.config.trial import TrialSpec
from raytrain.data.cache import Cache
from raytrain.data.dataset import Scaling, units
from raytrain.data.framing import Frame
from raytrain.engine.checkpoint import load_checkpoint
from raytrain.engine.parallel import current_world
from raytrain.engine.step import forward
from raytrain.models import build_model
from raytrain.runs.files import read_json


def member_probabilities(
    checkpoint: Path, cache: Cache, ids: tuple[str, ...]
) -> Iterator[np.ndarray]:
    """prob_KHW (float32, sums to 1 over K) of one member for each image, at the image's size.

    The checkpoint describes its own network, classes and scaling. Batches depend on `ids` alone,
    so the same call gives the same bits.
    """
    card = read_json(checkpoint.with_suffix(".json"))
    spec = TrialSpec.model_validate(card["spec"])
    scaling = Scaling(
        tuple(card["scaling"]["mean"]), tuple(card["scaling"]["std"]), card["scaling"]["per_image"]
    )
    world = current_world()
    model = build_model(spec.model, card["channels"], len(card["classes"]), None).to(world.device)
    model.load_state_dict(load_checkpoint(checkpoint)["model"])
    model.eval()
    frame = Frame(spec.framing, cache.largest)
    for unit in units(cache, frame, cache.rows(ids), scaling, spec.batch_size):
        with torch.inference_mode():
            prob_NKHW = torch.cat(
                [
                    forward(model, batch.image_BCHW.to(world.device), spec.precision).softmax(1)
                    for batch in unit.batches
                ]
            )
            maps = [prob_KHW for _, prob_KHW in frame.maps(prob_NKHW, unit.windows, cache)]
        for prob_KHW in maps:
            yield prob_KHW.cpu().numpy()


def ensemble_masks(
    checkpoints: list[Path], cache: Cache, ids: tuple[str, ...]
) -> Iterator[np.ndarray]:
    """mask_HW (uint8) of each image: the class with the highest mean probability over the
    members."""
    members = [member_probabilities(checkpoint, cache, ids) for checkpoint in checkpoints]
    for maps in zip(*members, strict=True):
        yield sum(maps[1:], maps[0]).argmax(0).astype(np.uint8)
