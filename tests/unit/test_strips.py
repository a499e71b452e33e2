"""The maps of an ensemble come as strips, of other heights for each member."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from raytrain.config.framing import FramingSpec, PadSpec, TilesSpec
from raytrain.config.target import Target
from raytrain.engine.reporter import SilentReporter
from raytrain.engine.shipped import shipped_checkpoint
from raytrain.engine.trial import Samples, run_trial
from raytrain.engine.views import IDENTITY
from raytrain.ensemble.prediction import (
    aligned,
    load_share,
    mean_strips,
    means,
    member_probabilities,
)
from raytrain.ensemble.shares import NetworkShare
from raytrain.metrics.decide import mask_of, mask_of_strips
from raytrain.pipeline import predict as station
from raytrain.runs.ensemble import Candidate, Network
from raytrain.runs.layout import RunDir
from raytrain.runs.maps import written_strips
from raytrain.search.budget_split import FORWARD
from tests.runs import ensemble_of
from tests.tiny import SPEC, make_task


def _cut(prob_KHW: np.ndarray, *tops: int) -> Iterator[np.ndarray]:
    return iter(np.split(prob_KHW, tops, axis=1))


def test_strips_are_cut_where_any_member_ends_one() -> None:
    one, two, three = (number + np.arange(10.0).reshape(1, 10, 1) for number in (0, 100, 200))
    parts = list(aligned([_cut(one, 4, 6), _cut(two), _cut(three, 5, 6)]))
    rows = [[prob_KhW[0, :, 0].tolist() for prob_KhW in part] for part in parts]
    expected = [[0, 1, 2, 3], [4], [5], [6, 7, 8, 9]]
    assert rows == [[[n + m for n in of] for m in (0, 100, 200)] for of in expected]


def test_members_of_other_heights_are_refused() -> None:
    with pytest.raises(AssertionError):
        list(aligned([_cut(np.zeros((1, 10, 1)), 4), _cut(np.zeros((1, 9, 1)))]))


@pytest.mark.parametrize("target", ["single_label", "multi_label"])
def test_masks_from_strips_are_those_of_the_mean_map(target: Target) -> None:
    rng = np.random.default_rng(0)
    sizes = [(12, 5), (7, 9), (30, 4)]
    maps = [[rng.random((3, *size), np.float32) for size in sizes] for _ in range(3)]
    members = [
        iter([_cut(prob, *sorted(rng.choice(range(1, 7), cuts, replace=False))) for prob in of])
        for of, cuts in zip(maps, (0, 2, 4), strict=True)
    ]
    for size, strips, *probs in zip(sizes, means(members, [1, 2, 1]), *maps, strict=True):
        mask_HW = mask_of_strips(strips, size, target)
        assert mask_HW.dtype == (np.uint8 if target == "single_label" else np.uint16)
        mean_KHW = (probs[0] + 2 * probs[1] + probs[2]) / 4
        np.testing.assert_array_equal(mask_HW, mask_of(mean_KHW, target))


FRAMINGS: list[FramingSpec] = [
    TilesSpec(height=32, width=32, overlap=0.5), PadSpec(multiple=16),
]  # fmt: skip


@pytest.mark.slow
def test_strips_of_checkpoints_are_their_maps(samples: Samples, tmp_path: Path) -> None:
    cache, ids = samples.cache, samples.report.ids("val")
    checkpoints = []
    for framing in FRAMINGS:
        spec = SPEC.model_copy(update={"epochs": 1, "framing": framing})
        task = make_task(tmp_path / framing.name, samples, spec)
        run_trial(task, samples, SilentReporter())
        checkpoints.append(shipped_checkpoint(task.trial_dir))
    whole = [list(member_probabilities(path, cache, ids)) for path in checkpoints]
    rows = cache.rows(ids)
    loaded = [load_share(NetworkShare(path, (IDENTITY,), 1)) for path in checkpoints]
    parts = [list(map(list, mean_strips([each], cache, rows))) for each in loaded]
    assert [[len(strips) for strips in of] for of in parts] == [[5] * len(ids), [1] * len(ids)]
    for of, maps in zip(parts, whole, strict=True):
        for strips, prob_KHW in zip(of, maps, strict=True):
            np.testing.assert_array_equal(np.concatenate(strips, 1), prob_KHW)
    for strips, one, two in zip(mean_strips(loaded, cache, rows), *whole, strict=True):
        mask_HW = mask_of_strips(strips, one.shape[1:], "single_label")
        np.testing.assert_array_equal(mask_HW, ((one + two) / 2).argmax(0))


def test_a_map_is_written_as_its_strips_come(tmp_path: Path) -> None:
    prob_KHW = np.random.default_rng(0).random((3, 10, 7), np.float32)
    path = tmp_path / "map.npy"
    strips = written_strips(path, _cut(prob_KHW, 4, 5), prob_KHW.shape)
    assert np.array_equal(np.concatenate(list(strips), axis=1), prob_KHW)
    assert np.array_equal(np.load(path), prob_KHW.astype(np.float16))
    np.save(tmp_path / "numpy.npy", prob_KHW.astype(np.float16))
    assert path.read_bytes() == (tmp_path / "numpy.npy").read_bytes()
    first = written_strips(tmp_path / "half.npy", _cut(prob_KHW, 4), prob_KHW.shape)
    next(first)
    first.close()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["map.npy", "numpy.npy"]


def test_the_time_that_is_said_counts_every_tile(
    samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = Network(fingerprint="f", checkpoint="network.pt", ranks=1)
    member = Candidate(name="a", fingerprint="f", networks=(trial,), oof={})
    ensemble = ensemble_of([member], {"images": 4}, "h", "d", 2)
    report, said = samples.report, []
    record = SimpleNamespace(last={"samples_per_s": FORWARD / 4})
    monkeypatch.setattr(station, "read_record", lambda trial: record)
    monkeypatch.setattr(station, "duration_text", lambda seconds: said.append(seconds) or "long")
    for framing in (PadSpec(), TilesSpec(height=32, width=32, overlap=0)):
        spec = SPEC.model_copy(update={"framing": framing})
        card = SimpleNamespace(spec=spec, size=(32, 32))
        monkeypatch.setattr(station, "read_card", lambda path, card=card: card)
        text = station.time_text(RunDir(tmp_path), ensemble, report, report.ids("test"))
        assert text == ", about long on one worker"
    height, width = report.largest
    tiles = -(-height // 32) * -(-width // 32)
    assert tiles > 1
    assert said == [pytest.approx(4 * count * len(report.ids("test"))) for count in (1, tiles)]
