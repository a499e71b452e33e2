"""Images of different sizes, from their files to scores and masks at their own size."""

from pathlib import Path

import numpy as np
import pytest

from raytrain.config.framing import FramingSpec, PadSpec, ResizeSpec, TilesSpec, WholeSpec
from raytrain.config.models import UNetSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.checks import inspect
from raytrain.data.phantom import draw_patient
from raytrain.data.report import write_report
from raytrain.engine.reporter import SilentReporter
from raytrain.engine.shipped import shipped_checkpoint
from raytrain.engine.trainable import make_trainable
from raytrain.engine.trial import Samples, open_samples, run_trial
from raytrain.engine.views import IDENTITY
from raytrain.ensemble.prediction import (
    load_share,
    mean_strips,
    member_probabilities,
)
from raytrain.ensemble.score import counts_of
from raytrain.ensemble.shares import NetworkShare
from raytrain.metrics.decide import mask_of_strips
from raytrain.metrics.dice import mean_foreground_dice
from raytrain.runs.history import read_history
from raytrain.runs.layout import RunDir
from tests.runs import run_of
from tests.tiny import make_task
from tests.unit.conftest import Competition

FRAMINGS: list[FramingSpec] = [
    ResizeSpec(height=48, width=32), PadSpec(multiple=16), TilesSpec(height=32, width=48),
]  # fmt: skip
SIZES = [(96, 96), (61, 80), (33, 96), (90, 47)]


def _spec(framing: FramingSpec) -> TrialSpec:
    return TrialSpec(
        model=UNetSpec(width=4, depth=2), framing=framing, epochs=2, batch_size=4,
        augmentation="flips", seed=3,
    )  # fmt: skip


@pytest.fixture(scope="module")
def ragged(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """8 training, 4 validation and 4 test slices, cropped to four sizes."""
    root, number = tmp_path_factory.mktemp("ragged"), 0
    competition = Competition(root / "data")
    for split, patients in (("train", 4), ("val", 2), ("test", 2)):
        for _ in range(patients):
            for image, mask in draw_patient(0, number // 2 + 1):
                number += 1
                height, width = SIZES[number % 4]
                labeled = None if split == "test" else np.minimum(mask[:height, :width], 2)
                competition.add(split, f"cmr{number}", image[:height, :width], labeled)
    run = RunDir(root / "run")
    write_report(run.data_report, inspect(competition.spec("(N+1)//2")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAYTRAIN_CACHE", str(root / "cache"))
        return open_samples(run)


@pytest.mark.slow
@pytest.mark.parametrize("framing", FRAMINGS, ids=lambda spec: spec.name)
def test_scores_are_those_of_the_maps_at_the_images_own_size(
    framing: FramingSpec, ragged: Samples, tmp_path: Path
) -> None:
    assert len(ragged.report.sizes) == 4
    task = make_task(tmp_path / "trial", ragged, _spec(framing))
    run_trial(task, ragged, SilentReporter())
    checkpoint = shipped_checkpoint(task.trial_dir)
    cache, ids = ragged.cache, task.val_ids
    truth = [cache.mask(row) for row in cache.rows(ids)]
    maps = list(member_probabilities(checkpoint, cache, ids))
    assert [prob.shape for prob in maps] == ragged.report.map_shapes(ids)
    counts = np.concatenate(
        [
            counts_of(prob.argmax(0)[None], mask, len(prob), "single_label")
            for prob, mask in zip(maps, truth, strict=True)
        ]
    )
    row = read_history(task.trial_dir.history)[-1]
    assert row["val_dice"] == mean_foreground_dice(counts)
    loaded = load_share(NetworkShare(checkpoint, (IDENTITY,), 1))
    strips = mean_strips([loaded, loaded], cache, cache.rows(ids))
    masks = [
        mask_of_strips(of_image, prob.shape[1:], "single_label")
        for of_image, prob in zip(strips, maps, strict=True)
    ]
    for mask, prob in zip(masks, maps, strict=True):
        np.testing.assert_array_equal(mask, prob.argmax(0))
    # The same image alone gives the same map, but for the order in which sums are taken.
    (alone,) = member_probabilities(checkpoint, cache, ids[1:2])
    np.testing.assert_allclose(alone, maps[1], atol=1e-5)


def test_whole_images_of_different_sizes_are_refused(ragged: Samples, tmp_path: Path) -> None:
    spec = _spec(PadSpec())
    whole = spec.model_copy(update={"framing": WholeSpec()})
    tasks = [make_task(tmp_path / str(i), ragged, one) for i, one in enumerate((spec, whole))]
    words = r"trial\.framing: the images have 4 sizes \(.*choose \{name: resize\}"
    with pytest.raises(ValueError, match=words):
        make_trainable(tasks, run_of(tmp_path, ragged.report))
    make_trainable(tasks[:1], run_of(tmp_path, ragged.report))
