"""Near duplicates: planted copies are found, neighbours are none."""

import numpy as np
import pytest

from raytrain.data.duplicates import near_duplicates, signature
from raytrain.data.phantom import draw_patient

PATIENTS = 30


def _copy(image: np.ndarray, kind: int, rng: np.random.Generator) -> np.ndarray:
    """Shifted by 2 px, brighter or darker by 10 %, mirrored, or some of it together."""
    if kind in (0, 3, 5):
        image = np.roll(image, [(2, 0), (0, -2), (2, 2), (-2, 2)][rng.integers(4)], (0, 1))
    if kind in (1, 3):
        image = np.clip(image * rng.choice([0.9, 1.1]), 0, 255).astype(np.uint8)
    if kind in (2, 5):
        image = image[:, ::-1]
    return image[::-1] if kind == 4 else image


@pytest.mark.parametrize("seed", range(3))
def test_planted_copies_are_found_and_nothing_else(seed: int) -> None:
    rng = np.random.default_rng(seed)
    images = [frame for n in range(1, PATIENTS + 1) for frame, _ in draw_patient(seed, n)]
    planted = rng.choice(len(images), 20, replace=False).tolist()
    copies = [_copy(images[row], number % 6, rng) for number, row in enumerate(planted)]
    pairs = {(row, len(images) + number) for number, row in enumerate(planted)}
    found = near_duplicates(np.stack([signature(i[..., None]) for i in [*images, *copies]]))
    assert len(pairs & set(found)) >= 19
    assert len(set(found) - pairs) <= 1
    assert found == sorted(found)


def test_the_same_picture_in_another_type_size_and_colour_space() -> None:
    image = draw_patient(0, 1)[0][0]
    deep = (image.astype(np.uint16) * 200 + 77)[..., None]
    large = np.kron(image, np.ones((3, 3), np.uint8))
    colours = np.dstack([large] * 3).astype(np.float32) / 255
    others = [draw_patient(0, n)[1][0][..., None] for n in range(2, 6)]
    found = near_duplicates(np.stack([signature(i) for i in (*others, deep, colours)]))
    assert found == [(4, 5)]


def test_images_of_one_colour_are_no_near_duplicates() -> None:
    flat = [np.full((8, 9, 1), value, np.uint8) for value in (0, 7, 255)]
    assert near_duplicates(np.stack([signature(image) for image in flat])) == []


def test_noise_alone_is_never_alike() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (50, 40, 40, 1)).astype(np.uint8)
    assert near_duplicates(np.stack([signature(image) for image in noise])) == []
