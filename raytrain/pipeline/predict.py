"""`predict`: write the ensemble's mask of every test image as a PNG file."""

import io
import shutil
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from raytrain.engine.run import Run
from raytrain.engine.trial import open_samples
from raytrain.ensemble.prediction import (
    ensemble_masks,
    given_probabilities,
    member_probabilities,
)
from raytrain.runs.ensemble import Ensemble, read_ensemble
from raytrain.runs.files import write_bytes
from raytrain.runs.joined import JoinedDir
from raytrain.runs.layout import RunDir
from raytrain.runs.messages import say

SHARD = 32
"""Images per shard, the unit that is predicted again after a kill."""


@dataclass(frozen=True)
class PredictShard:
    """Some test images and the members that predict them."""

    run: Path
    checkpoints: tuple[Path, ...]
    given: tuple[Path, ...]
    """Files with the test maps of the joined members."""
    ids: tuple[str, ...]
    masks: Path
    """Folder for the predicted masks."""


def predict(run: Run) -> None:
    """Write `final/masks/<id>.png` for every test image that has no mask from this ensemble yet."""
    folder = run.folder
    ensemble = read_ensemble(folder)
    owner = folder.masks / ".ensemble"
    if not owner.is_file() or owner.read_text() != ensemble.fingerprint:
        shutil.rmtree(folder.masks, ignore_errors=True)
        write_bytes(owner, ensemble.fingerprint.encode())
    ids = run.report.ids("test")
    parts = shards(folder, ensemble, ids, folder.masks)
    todo = [part for part in parts if not all(folder.mask(id).is_file() for id in part.ids)]
    if todo:
        say(f"predict: {len(ids)} test images")
        run.backend.map_shards("predict", predict_shard, todo)


def shards(
    run: RunDir, ensemble: Ensemble, ids: tuple[str, ...], masks: Path
) -> list[PredictShard]:
    """Divide the work into fixed parts, because the images in a batch affect the last bits."""
    checkpoints = tuple(run.path / member.checkpoint for member in ensemble.members)
    given = tuple(JoinedDir(run.path / joined.maps).test for joined in ensemble.joined)
    return [
        PredictShard(run.path, checkpoints, given, ids[start : start + SHARD], masks)
        for start in range(0, len(ids), SHARD)
    ]


def predict_shard(shard: PredictShard) -> None:
    """Predict one shard and write its masks."""
    run = RunDir(shard.run)
    samples = open_samples(run)
    cache, report = samples.cache, samples.report
    maps = [member_probabilities(path, cache, shard.ids) for path in shard.checkpoints]
    maps += [given_probabilities(path, report, shard.ids) for path in shard.given]
    masks = ensemble_masks(maps, report.target, cache.labels.dtype)
    for id, mask_HW in zip(shard.ids, masks, strict=True):
        png = io.BytesIO()
        Image.fromarray(mask_HW).save(png, format="PNG")
        write_bytes(shard.masks / f"{id}.png", png.getvalue())
