"""`predict`: write the ensemble's mask of every test image as a PNG file."""

import io
import shutil
from dataclasses import dataclass
from math import lcm
from pathlib import Path

from PIL import Image

from raytrain.config.duration import duration_text
from raytrain.config.steps import StepSpec
from raytrain.engine.run import Run
from raytrain.engine.trial import open_samples
from raytrain.engine.views import View, views_of
from raytrain.ensemble.prediction import ensemble_masks, given_strips, member_strips
from raytrain.runs.ensemble import Ensemble, read_ensemble
from raytrain.runs.files import write_bytes
from raytrain.runs.joined import JoinedDir
from raytrain.runs.layout import RunDir
from raytrain.runs.messages import say
from raytrain.runs.record import read_record
from raytrain.search.budget_split import FORWARD

SHARD = 32
"""Images per shard, the unit that is predicted again after a kill."""


@dataclass(frozen=True)
class NetworkShare:
    """A network in the mean."""

    checkpoint: Path
    views: tuple[View, ...]
    weight: int


@dataclass(frozen=True)
class GivenShare:
    """A teammate's test maps in the mean."""

    maps: Path
    weight: int


@dataclass(frozen=True)
class PredictShard:
    """Some test images and the members that predict them."""

    run: Path
    networks: tuple[NetworkShare, ...]
    given: tuple[GivenShare, ...]
    steps: tuple[StepSpec, ...]
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
        say(f"predict: {len(ids)} test images, {_cost(folder, ensemble, len(ids))}")
        run.backend.map_shards("predict", predict_shard, todo)


def shards(
    run: RunDir, ensemble: Ensemble, ids: tuple[str, ...], masks: Path
) -> list[PredictShard]:
    """Divide the work into fixed parts, because the images in a batch affect the last bits."""
    networks, given = [], []
    # Every member has the same total weight per unit, however many networks it has.
    most = lcm(*(max(1, len(member.networks)) for member, _, _ in ensemble.members))
    for member, weight, views in ensemble.members:
        if member.maps is not None:
            given.append(GivenShare(JoinedDir(run.path / member.maps).test, weight * most))
        for network in member.networks:
            each = weight * most // len(member.networks)
            path = run.path / network.checkpoint
            networks.append(NetworkShare(path, views_of(views), each))
    return [
        PredictShard(
            run=run.path,
            networks=tuple(networks),
            given=tuple(given),
            steps=ensemble.chosen.steps,
            ids=ids[start : start + SHARD],
            masks=masks,
        )
        for start in range(0, len(ids), SHARD)
    ]


def _cost(run: RunDir, ensemble: Ensemble, images: int) -> str:
    """Return the number of network passes and, from the speed of training, their time."""
    count, pass_s = 0, 0.0
    for member, _, views in ensemble.members:
        for network in member.networks:
            record = read_record(run.trial(network.fingerprint))
            count += len(views_of(views))
            if record is not None and record.last is not None:
                pass_s += len(views_of(views)) * FORWARD / record.last["samples_per_s"]
    noun = "member" if len(ensemble.members) == 1 else "members"
    passes = "1 network pass" if count == 1 else f"{count} network passes"
    time = duration_text(images * pass_s)
    return f"{len(ensemble.members)} {noun}, {passes} for each image, about {time} on one worker"


def predict_shard(shard: PredictShard) -> None:
    """Predict one shard and write its masks."""
    samples = open_samples(RunDir(shard.run))
    cache, report, ids = samples.cache, samples.report, shard.ids
    maps = [member_strips(each.checkpoint, cache, ids, each.views) for each in shard.networks]
    maps += [given_strips(each.maps, report, ids) for each in shard.given]
    weights = [each.weight for each in shard.networks] + [each.weight for each in shard.given]
    masks = ensemble_masks(maps, weights, report.target, shard.steps, cache.labels.dtype)
    for id, mask_HW in zip(shard.ids, masks, strict=True):
        png = io.BytesIO()
        Image.fromarray(mask_HW).save(png, format="PNG")
        write_bytes(shard.masks / f"{id}.png", png.getvalue())
