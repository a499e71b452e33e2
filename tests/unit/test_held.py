"""A set held on the device gives the batches of the host: the same windows in the same order."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from raytrain.config.augmentation import AugmentationSpec
from raytrain.config.mixing import CutMixSpec, MixSpec, MixUpSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.cache import Cache
from raytrain.data.dataset import Scaling, train_loader
from raytrain.data.held import held_loader
from raytrain.engine import hold
from raytrain.engine.hold import hold_place, hold_problem
from raytrain.engine.parallel import World
from raytrain.engine.reporter import SilentReporter
from raytrain.engine.trial import Samples, run_trial
from tests.arrays import cache_of
from tests.tiny import SPEC, make_task
from tests.unit.test_engine import Killed, KilledAfter, figures

CPU = torch.device("cpu")
PLAIN = Scaling((0.0, 0.0), (1.0, 1.0), per_image=False)


def _spec(value: Any) -> AugmentationSpec:
    return TypeAdapter(AugmentationSpec).validate_python(value)


@pytest.fixture(scope="module")
def cache() -> Cache:
    """Nine images of two channels and 16 bits."""
    rng = np.random.default_rng(0)
    images = rng.integers(100, 40000, (9, 20, 24, 2)).astype(np.uint16)
    masks = rng.integers(0, 4, (9, 20, 24)).astype(np.uint8)
    return cache_of(images, masks)


@pytest.mark.parametrize("scaling", [PLAIN, Scaling((), (), per_image=True)])
def test_without_augmentation_a_held_batch_is_the_hosts(cache: Cache, scaling: Scaling) -> None:
    for mix in (None, MixUpSpec(), CutMixSpec()):
        spec = TrialSpec(batch_size=4, augmentation="none", mix=mix, positive_share=None)
        rows = np.arange(1, 9)
        host, _ = train_loader(cache, rows, scaling, spec, 0, 1, 0)
        held, _ = held_loader(cache, rows, scaling, spec, 0, 1, CPU)
        for ours, theirs in zip(held, host, strict=True):
            torch.testing.assert_close(ours.image_BCHW, theirs.image_BCHW)
            assert ours.image_BCHW.is_contiguous(memory_format=torch.channels_last)
            assert torch.equal(ours.target_BHW, theirs.target_BHW)
            assert (ours.other_BHW is None) == (theirs.other_BHW is None)
            np.testing.assert_array_equal(ours.rows, theirs.rows)


@pytest.mark.parametrize("mix", [None, CutMixSpec()])
@pytest.mark.parametrize("copies", [0, 1])
def test_a_held_sample_is_the_same_on_any_worker(
    cache: Cache, mix: MixSpec | None, copies: int
) -> None:
    """Nine windows in steps of 4 over one worker and three; and another epoch draws anew."""
    noise = {"name": "GaussNoise", "std_range": [0.1, 0.1]}
    spec = TrialSpec(
        batch_size=4, augmentation=_spec(["slices", "flips", noise]), mix=mix, copies=copies, seed=5
    )

    def epoch(rank: int, world: int, number: int) -> dict[tuple[int, int], torch.Tensor]:
        loader, plan = held_loader(cache, np.arange(9), PLAIN, spec, rank, world, CPU)
        plan.epoch = number
        found = {}
        for step, (part, batch) in enumerate(zip(plan, loader, strict=True)):
            for place in range(part.counted):
                key = (step, int(part.windows[place]))
                found[key] = torch.cat([batch.image_BCHW[place], batch.target_BHW[place][None]])
        return found

    alone = epoch(0, 1, 1)
    assert len(alone) == 9 * (1 + copies)
    dealt = {key: value for rank in range(3) for key, value in epoch(rank, 3, 1).items()}
    assert alone.keys() == dealt.keys()
    for key, value in alone.items():
        torch.testing.assert_close(dealt[key], value, rtol=0, atol=0.1)  # of 40,000
    later = {number: value for (_, number), value in epoch(0, 1, 2).items()}
    same = [torch.allclose(later[n], v, rtol=0, atol=0.1) for (_, n), v in alone.items()]
    if mix is None:
        assert sum(same) < 4 if not copies else all(same)


def test_the_device_is_taken_when_asked_for_and_when_it_fits(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, alone = np.arange(9), World(0, 1, CPU)
    asked = TrialSpec(hold="device", augmentation="flips")
    assert hold_place(TrialSpec(), cache, rows, alone, None) == ("host", None)
    assert hold_place(asked, cache, rows, alone, None) == ("device", None)
    assert hold_place(asked, cache, rows, alone, "device") == ("device", None)
    assert hold_place(asked, cache, rows, alone, "host") == ("host", None)
    # 9 windows of 20 x 24 pixels: two float32 channels, a byte of mask; and two floats each.
    monkeypatch.setattr(hold, "free_memory", lambda device: 2 * 9 * (20 * 24 * 9 + 8))
    assert hold_place(asked, cache, rows, alone, None)[0] == "device"
    monkeypatch.setattr(hold, "free_memory", lambda device: 2 * 9 * (20 * 24 * 9 + 8) - 1)
    with pytest.raises(
        ValueError, match=r"trial.hold: .* more than half of the .* set trial.hold to auto"
    ):
        hold_place(asked, cache, rows, alone, None)
    other = TrialSpec(
        hold="device", augmentation=_spec(["slices", {"name": "CLAHE"}, {"name": "Perspective"}])
    )
    assert "CLAHE, Perspective cannot be done on the device" in str(hold_problem(other))
    assert hold_problem(asked) is None


@pytest.mark.slow
def test_training_from_the_device_resumes_bit_for_bit(tmp_path: Path, samples: Samples) -> None:
    spec = SPEC.model_copy(update={"hold": "device"})
    whole, parts = (make_task(tmp_path / part, samples, spec) for part in ("whole", "parts"))
    run_trial(whole, samples, SilentReporter())
    with pytest.raises(Killed):
        run_trial(parts, samples, KilledAfter(2))
    run_trial(parts, samples, SilentReporter())
    rows, again = figures(whole.directory), figures(parts.directory)
    assert {row["hold"] for row in rows} == {"device"}
    assert rows == again
    host = make_task(tmp_path / "host", samples, SPEC)
    run_trial(host, samples, SilentReporter())
    other = figures(host.directory)
    assert [row["images"] for row in rows] == [row["images"] for row in other]
    assert rows[0]["train_loss"] != other[0]["train_loss"]
    assert abs(rows[0]["train_loss"] - other[0]["train_loss"]) < 0.1
