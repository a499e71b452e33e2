"""A teacher of self-training: networks of the ensemble label the test images with their mean
map."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from raytrain.data.soft_labels import Probabilities
from raytrain.engine.trial import Samples, open_samples
from raytrain.ensemble.calibration import calibrated, fitted_temperature, sampled
from raytrain.ensemble.oof_maps import candidate_maps, weighted_mean
from raytrain.ensemble.prediction import load_share, mean_strips
from raytrain.ensemble.shares import NetworkShare
from raytrain.runs.arrays import new_array
from raytrain.runs.ensemble import Candidate, Choice
from raytrain.runs.files import atomic_path, write_json
from raytrain.runs.layout import RunDir
from raytrain.runs.soft import soft_path


@dataclass(frozen=True)
class Teacher:
    """The networks of a teacher: those that never saw one fold, or those of all folds."""

    run: Path
    fingerprint: str
    networks: tuple[NetworkShare, ...]
    candidates: tuple[Candidate, ...]
    """The candidates whose out-of-fold maps calibrate the mean."""
    choice: Choice
    """The weights and views of the candidates in the mean."""
    val_ids: tuple[tuple[str, ...], ...]
    """The labeled images of every fold."""
    unseen: int | None
    """The fold that the teacher never saw, and whose images do not calibrate it."""


def write_soft_labels(teacher: Teacher) -> list[Path]:
    """Write the soft labels of all test images, which are the calibrated mean maps of the networks,
    and a `.json` file with the temperature. Returns the paths of both files."""
    run = RunDir(teacher.run)
    samples = open_samples(run)
    cache, target = samples.cache, samples.report.target
    temperature = fitted_temperature(_pixels(teacher, samples), target)
    rows = cache.rows(samples.report.ids("test"))
    probabilities = Probabilities(len(samples.report.classes), target)
    networks = [load_share(each) for each in teacher.networks]
    pixels, start = int((cache.height * cache.width)[rows].sum()), 0
    path = soft_path(run, teacher.fingerprint)
    write_json(path.with_suffix(".json"), {"temperature": temperature})
    with atomic_path(path) as temporary:
        flat = new_array(temporary, np.uint16, pixels)
        for strips in mean_strips(networks, cache, rows):
            for prob_KhW in strips:
                numbers = probabilities.numbers(calibrated(prob_KhW, temperature, target)).ravel()
                flat[start : start + len(numbers)] = numbers
                start += len(numbers)
        flat.flush()
    return [path, path.with_suffix(".json")]


def _pixels(teacher: Teacher, samples: Samples) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield pixels of the labeled images, for the calibration of the teacher."""
    cache, report, choice = samples.cache, samples.report, teacher.choice
    maps = [
        candidate_maps(RunDir(teacher.run), candidate, teacher.val_ids, report)
        for candidate in teacher.candidates
    ]
    for fold, ids in enumerate(teacher.val_ids):
        if fold == teacher.unseen:
            continue
        for number, row in enumerate(cache.rows(ids).tolist()):
            pairs = zip(maps, choice.views, strict=True)
            mean_KHW = weighted_mean([m.prob(fold, number, v) for m, v in pairs], choice.weights)
            yield sampled(mean_KHW, cache.mask(row), report.target)
