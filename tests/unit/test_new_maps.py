"""New images of any size are predicted like a run's own, whatever else is predicted with them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from raytrain.config.framing import FramingSpec, PadSpec, ResizeSpec, TilesSpec, WholeSpec
from raytrain.config.models import UNetSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.dataset import Scaling
from raytrain.data.framing import Frame, network_size
from raytrain.data.new_cache import cache_of
from raytrain.data.new_images import Kind, NewImage, find_images
from raytrain.engine.predictor import Card, predicted
from raytrain.engine.views import View, views_of
from raytrain.ensemble.new_maps import new_strips, parts_of
from raytrain.ensemble.prediction import SHARD, LoadedShare
from raytrain.models import build_model
from raytrain.runs.bundle import Bundle, BundleMember

LARGEST = (48, 40)
"""Of the training images."""
SIZES = ((48, 40), (17, 33), (30, 40), (48, 21), (25, 25))
BUNDLE = Bundle(
    raytrain="0", competition="c", run="r", classes=("background", "a", "b"),
    target="single_label", channels=1, dtype="uint8",
    members=(BundleMember(name="m", weight=1, networks=("x.pt",)),),
)  # fmt: skip
FRAMINGS: list[FramingSpec] = [
    PadSpec(multiple=16), ResizeSpec(height=32, width=32), TilesSpec(height=16, width=16),
]  # fmt: skip


def loaded(framing: FramingSpec, seed: int, weight: int = 1, *groups: str) -> LoadedShare:
    """A network with random weights."""
    spec = TrialSpec(model=UNetSpec(width=4, depth=2), framing=framing, batch_size=2)
    card = Card(
        spec=spec, scaling=Scaling((90.0,), (50.0,), False), target="single_label",
        classes=BUNDLE.classes, channels=1, dtype="uint8", size=network_size(framing, LARGEST),
    )  # fmt: skip
    torch.manual_seed(seed)
    views: tuple[View, ...] = views_of(groups)  # type: ignore[arg-type]
    return LoadedShare(build_model(spec.model, 1, 3, None).eval(), card, views, weight)


def save(folder: Path, sizes: Sequence[tuple[int, int]]) -> list[NewImage]:
    rng = np.random.default_rng(0)
    folder.mkdir(exist_ok=True)
    for number, size_HW in enumerate(sizes):
        image = Image.fromarray(rng.integers(0, 256, size_HW).astype(np.uint8))
        image.save(folder / f"{number}.png")
    return find_images([str(folder)], Kind(1, "uint8")).images


def maps(networks: list[LoadedShare], images: list[NewImage]) -> dict[str, np.ndarray]:
    found = new_strips(networks, BUNDLE, images)
    return {image.id: np.concatenate(list(strips), axis=1) for image, strips in found}


@pytest.mark.parametrize("framing", FRAMINGS, ids=lambda framing: framing.name)
def test_maps_are_those_of_a_run_bit_by_bit(framing: FramingSpec, tmp_path: Path) -> None:
    images = save(tmp_path, SIZES)
    one = loaded(framing, 0, 1, "hflip")
    cache = cache_of(images, len(images), 1, "single_label")
    rows, frame = np.arange(len(images)), Frame(framing, LARGEST)
    expected = list(predicted(one.network, one.card, cache, rows, frame, one.views))
    found = maps([one], images)
    assert [*found] == [str(number) for number in range(len(SIZES))]
    for size_HW, prob_KHW, of_run_KHW in zip(SIZES, found.values(), expected, strict=True):
        assert prob_KHW.shape == (3, *size_HW)
        assert np.array_equal(prob_KHW, of_run_KHW.numpy())


def test_members_of_all_framings_are_averaged_by_weight(tmp_path: Path) -> None:
    images = save(tmp_path, [(48, 40)] * 3)
    networks = [loaded(framing, seed, seed + 1) for seed, framing in enumerate(FRAMINGS)]
    single = [maps([each], images) for each in networks]
    for id, mean_KHW in maps(networks, images).items():
        by_hand = sum((n + 1) * each[id].astype(np.float64) for n, each in enumerate(single)) / 6
        np.testing.assert_allclose(mean_KHW, by_hand, atol=1e-6)


@pytest.mark.parametrize("framing", [*FRAMINGS, WholeSpec()], ids=lambda framing: framing.name)
def test_a_larger_image_changes_nothing_for_the_others(
    framing: FramingSpec, tmp_path: Path
) -> None:
    network = loaded(framing, 0)
    images = save(tmp_path / "few", SIZES)
    larger = save(tmp_path / "more", [*SIZES, (100, 90)])
    alone, together = maps([network], images), maps([network], larger)
    assert together["5"].shape == (3, 100, 90)
    for id, prob_KHW in alone.items():
        np.testing.assert_allclose(together[id], prob_KHW, atol=1e-6)


def test_parts_have_one_size_at_the_network_and_whole_batches() -> None:
    sizes = [(48, 40), (20, 20)] * (SHARD + 1) + [(90, 40)]
    images = [NewImage(str(n), (), size_HW) for n, size_HW in enumerate(sizes)]
    pad, whole, tiles = (
        loaded(framing, 0) for framing in (PadSpec(multiple=16), WholeSpec(), FRAMINGS[2])
    )
    three = replace(pad, card=replace(pad.card, spec=pad.card.spec.model_copy(
        update={"batch_size": 3})))  # fmt: skip
    for networks, step in (([pad], 2), ([tiles], 1), ([three], 3), ([pad, three, tiles], 6)):
        whole_parts, rest = divmod(SHARD, step)
        shard = [step] * whole_parts + [rest] * (rest > 0)
        # 66 images of at most the training's size are two shards and two images.
        expected = [*shard, *shard, *([2] if step > 1 else [1, 1]), 1]
        assert [len(part) for part in parts_of(networks, images)] == expected
    for part in parts_of([pad, whole], images):
        assert len({image.size_HW == (90, 40) for image in part}) == 1
    expected = [str(n) for n in range(len(images))]
    for networks in ([pad], [whole], [pad, whole]):
        parts = list(parts_of(networks, images))
        assert sorted((image.id for part in parts for image in part), key=int) == expected
        for part in parts:
            assert [image.id for image in part] == sorted((i.id for i in part), key=int)


@pytest.mark.parametrize("framing", [*FRAMINGS, WholeSpec()], ids=lambda framing: framing.name)
def test_the_smallest_images_are_predicted(framing: FramingSpec, tmp_path: Path) -> None:
    sizes = [(48, 40), (1, 1), (3, 200), (50, 2)]
    found = maps([loaded(framing, 0, 1, "shifts", "scales")], save(tmp_path, sizes))
    assert [prob_KHW.shape[1:] for _, prob_KHW in sorted(found.items())] == sizes
    for prob_KHW in found.values():
        np.testing.assert_allclose(prob_KHW.sum(0), 1, atol=1e-5)


class Narrow(torch.nn.Module):
    """A network that refuses windows of other sizes than those in training."""

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        return image_BCHW.reshape(-1, 1, *LARGEST).expand(-1, 3, -1, -1)


def test_a_size_that_a_network_cannot_take_is_named(tmp_path: Path) -> None:
    network = replace(loaded(WholeSpec(), 0), network=Narrow())
    images = save(tmp_path, [(48, 40), (4, 50)])
    with pytest.raises(ValueError, match=r"1\.png: the ensemble cannot predict images of 50x4 px"):
        maps([network], images)
