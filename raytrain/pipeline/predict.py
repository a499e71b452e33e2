"""`predict`: write the ensemble's mask of every test image as a PNG file."""

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from raytrain.backend.counting import Counting, files_there
from raytrain.config.duration import duration_text
from raytrain.config.steps import StepSpec
from raytrain.data.report import DataReport
from raytrain.engine.predictor import frame_of, read_card
from raytrain.engine.run import Run
from raytrain.engine.trial import open_samples
from raytrain.engine.views import views_of
from raytrain.ensemble.prediction import SHARD, given_strips, load_share, mean_strips
from raytrain.ensemble.shares import GivenShare, NetworkShare, cost_text, parts_of, shares
from raytrain.metrics.decide import mask_of_strips
from raytrain.runs.ensemble import Ensemble, read_ensemble
from raytrain.runs.files import write_bytes
from raytrain.runs.layout import RunDir
from raytrain.runs.messages import say
from raytrain.runs.mirror import remove_folder
from raytrain.runs.record import read_record
from raytrain.search.budget_split import FORWARD


@dataclass(frozen=True)
class PredictShard:
    """Some test images, and the networks and maps that predict them."""

    run: Path
    networks: tuple[NetworkShare, ...]
    given: tuple[GivenShare, ...]
    steps: tuple[StepSpec, ...]
    ids: tuple[str, ...]
    masks: Path
    """Folder for the predicted masks."""


def predict(run: Run) -> None:
    """Write `final/masks/<id>.png` for every test image that this ensemble has not predicted
    yet."""
    folder = run.folder
    ensemble = read_ensemble(folder)
    owner = folder.masks / "ensemble.txt"
    if not owner.is_file() or owner.read_text("utf-8") != ensemble.fingerprint:
        remove_folder(folder.masks)
        write_bytes(owner, ensemble.fingerprint.encode())
    ids = run.report.ids("test")
    parts = shards(folder, ensemble, ids, folder.masks)
    todo = [part for part in parts if not all(folder.mask(id).is_file() for id in part.ids)]
    if todo:
        left = [id for part in todo for id in part.ids]
        cost = cost_text(parts_of(ensemble, folder.path), len(left), len(ids))
        say(cost + time_text(folder, ensemble, run.report, left))
        backend = run.backend  # it may take long to start
        there = files_there([folder.mask(id) for id in ids])
        with Counting("predict", folder, len(ids), "image", there):
            backend.map_shards("predict", predict_shard, todo)


def shards(
    run: RunDir, ensemble: Ensemble, ids: tuple[str, ...], masks: Path
) -> list[PredictShard]:
    """Return the images `ids` in parts that are predicted one by one. The parts are always the
    same, because the other images of a batch affect the last bits of a map."""
    networks, given = shares(parts_of(ensemble, run.path))
    return [
        PredictShard(
            run=run.path,
            networks=networks,
            given=given,
            steps=ensemble.chosen.steps,
            ids=ids[start : start + SHARD],
            masks=masks,
        )
        for start in range(0, len(ids), SHARD)
    ]


def time_text(run: RunDir, ensemble: Ensemble, report: DataReport, ids: Sequence[str]) -> str:
    """Return, as text, about how long the prediction of these images takes on one worker. It is
    estimated from the speed of training."""
    sizes = Counter((height, width) for _, height, width in report.map_shapes(tuple(ids)))
    seconds = 0.0
    for member, _, views in ensemble.members:
        for network in member.networks:
            record = read_record(run.trial(network.fingerprint))
            if record is not None and record.last is not None:
                frame = frame_of(read_card(run.path / network.checkpoint), report.largest)
                windows = sum(frame.window_count(*each) * count for each, count in sizes.items())
                passes = windows * len(views_of(views))
                seconds += passes * FORWARD / record.last["samples_per_s"]
    return f", about {duration_text(max(1, seconds))} on one worker" if seconds else ""


def predict_shard(shard: PredictShard) -> list[Path]:
    """Predict one shard and write its masks; returns their files."""
    samples = open_samples(RunDir(shard.run))
    cache, report, ids = samples.cache, samples.report, shard.ids
    rows = cache.rows(ids)
    networks = [load_share(each) for each in shard.networks]
    given = [(given_strips(each.maps, report, ids), each.weight) for each in shard.given]
    maps = zip(ids, report.map_shapes(ids), mean_strips(networks, cache, rows, given), strict=True)
    for id, (_, height, width), strips in maps:
        mask_HW = mask_of_strips(strips, (height, width), report.target, shard.steps)
        write_mask(shard.masks / f"{id}.png", mask_HW, cache.labels.dtype)
    return [shard.masks / f"{id}.png" for id in ids]


def write_mask(path: Path, mask_HW: np.ndarray, dtype: np.dtype) -> None:
    """Write a mask as a PNG file of 8 or 16 bits."""
    png = io.BytesIO()
    Image.fromarray(mask_HW.astype(dtype, copy=False)).save(png, format="PNG")
    write_bytes(path, png.getvalue())
