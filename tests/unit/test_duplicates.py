"""Near-duplicates: planted copies among phantoms are found, whatever is merely alike is not."""

import cv2
import numpy as np
import pytest

from raytrain.data.duplicates import SIDE, near_duplicates, signature
from raytrain.data.phantom import draw_patient

TURNS = {
    "none": lambda image: image,
    "left-right": np.fliplr,
    "top-bottom": np.flipud,
    "half turn": lambda image: np.rot90(image, 2),
    "left turn": np.rot90,
    "right turn": lambda image: np.rot90(image, 3),
    "transposed": np.transpose,
    "other diagonal": lambda image: np.rot90(image, 2).T,
}


@pytest.fixture(scope="module")
def phantoms() -> list[np.ndarray]:
    """70 patients at two phases each, which are alike and no copies."""
    return [image for patient in range(1, 71) for image, _ in draw_patient(1, patient)]


def _pairs(images: list[np.ndarray]) -> list[tuple[int, int]]:
    return near_duplicates(np.stack([signature(image) for image in images]))


def _moved(image_HW: np.ndarray, down: int, right: int, fill: str) -> np.ndarray:
    """As if cut out of a larger picture at another place."""
    height, width = image_HW.shape
    room = max(abs(down), abs(right))
    padded = np.pad(image_HW, room, mode=fill)  # type: ignore[call-overload]
    return padded[room - down :, room - right :][:height, :width]


def _brighter(image_HW: np.ndarray, factor: float) -> np.ndarray:
    return np.clip(np.round(image_HW * factor), 0, 255).astype(np.uint8)


def _jpeg(image_HW: np.ndarray, quality: int) -> np.ndarray:
    coded = cv2.imencode(".jpg", image_HW, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(coded, cv2.IMREAD_UNCHANGED)


def test_planted_copies_are_found_and_nothing_else(phantoms: list) -> None:
    rng = np.random.default_rng(3)
    moves = [(2, 0), (-2, 0), (0, 2), (0, -2), (2, 2), (-2, 2), (2, -2), (-2, -2)]
    fills, turns = ("edge", "constant", "reflect", "wrap"), list(TURNS.values())
    images, planted = list(phantoms), []
    for origin in rng.choice(len(phantoms), 24, replace=False).tolist():
        copy, kind = phantoms[origin], len(planted)
        if kind % 3 != 1:
            copy = _moved(copy, *moves[kind % len(moves)], fills[kind // 2 % len(fills)])
        if kind % 3 != 2:
            copy = _brighter(copy, (0.9, 1.1)[kind % 2])
        planted.append((origin, len(images)))
        images.append(turns[kind % 4 if kind % 2 else 0](copy))
    assert _pairs(images) == sorted(planted)


@pytest.mark.parametrize("turn", TURNS)
def test_every_mirroring_and_turn_is_found(turn: str, phantoms: list) -> None:
    others = phantoms[:40:2]
    assert _pairs([*others, TURNS[turn](others[7])]) == [(7, 20)]
    assert _pairs([TURNS[turn](others[7]), *others]) == [(0, 8)]


@pytest.mark.parametrize(
    "change",
    [
        lambda image: cv2.resize(image, (70, 70), interpolation=cv2.INTER_AREA),
        lambda image: cv2.resize(image, (201, 150), interpolation=cv2.INTER_CUBIC),
        lambda image: _jpeg(image, 50),
        lambda image: (255 * (image / 255) ** 0.8).astype(np.float32),
        lambda image: np.dstack([image.astype(np.uint16) * 200 + 9000] * 3),
        lambda image: _brighter(image + np.random.default_rng(0).normal(0, 5, image.shape), 1),
        lambda image: image[:, :, None],
    ],
    ids=["smaller", "larger", "jpeg", "gamma", "16 bit color", "noise", "one channel"],
)
def test_other_files_of_one_picture_are_found(change, phantoms: list) -> None:
    images = phantoms[:40:2]
    assert _pairs([*images, change(images[3])]) == [(3, 20)]


def test_a_small_other_part_makes_another_picture(phantoms: list) -> None:
    # Correlation alone calls this a copy: 97 % of the pixels are equal.
    image, other = phantoms[0], phantoms[0].copy()
    other[40:56, 40:56] = phantoms[0][40:56, 40:56].T[::-1]
    assert np.corrcoef(image.ravel(), other.ravel())[0, 1] > 0.95
    assert _pairs([image, other]) == []


def test_a_common_frame_makes_no_pairs() -> None:
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:90, :120]
    seen = (rows - 45) ** 2 + (columns - 60) ** 2 < 42**2
    clouds = [cv2.resize(rng.normal(size=(12, 16)), (120, 90)) for _ in range(20)]
    images = [np.where(seen, 150 + 20 * cloud, 5) for cloud in clouds]
    assert np.mean(np.corrcoef([image.ravel() for image in images])) > 0.8
    assert _pairs([*images, images[11][:, ::-1]]) == [(11, 20)]


def test_signatures_do_not_depend_on_units() -> None:
    image = np.random.default_rng(0).integers(0, 256, (80, 50)).astype(np.uint8)
    expected = signature(image)
    assert expected.shape == (SIDE * SIDE,)
    assert abs(expected.astype(float).mean()) < 1e-3
    assert expected.astype(float).std() == pytest.approx(1, abs=1e-3)
    gray = np.dstack([image] * 5)
    for same in (image.astype(np.uint16) * 257, image / 255.0, image * 1e6 - 1e9, gray):
        np.testing.assert_allclose(signature(same), expected, atol=2e-3)


@pytest.mark.parametrize("value", [0, 7, 0.1, -1e5, 65535])
@pytest.mark.parametrize("shape", [(1, 1), (97, 31), (200, 200, 3)])
def test_constant_images_pair_with_nothing(value: float, shape: tuple, phantoms: list) -> None:
    constant = np.full(shape, value)
    assert not signature(constant).any()
    assert _pairs([constant, phantoms[0], constant, phantoms[2]]) == []


def test_almost_empty_images_pair_only_with_their_like() -> None:
    # Content at the very border cannot be verified, so it is no evidence.
    blank = np.zeros((96, 96), np.uint8)
    images = [blank.copy() for _ in range(4)]
    images[0][0, 0], images[1][0, 48] = 255, 200
    images[2][40:50, 30:36] = images[3][41:51, 30:36] = 90
    assert _pairs(images) == [(2, 3)]


def test_tiny_images_are_handled() -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (10, 12)).astype(np.uint8) for _ in range(30)]
    assert _pairs([*images, images[4].copy()]) == [(4, 30)]
    assert _pairs([rng.normal(size=(1, 9)), rng.normal(size=(9, 1))]) == []


def test_all_copies_of_one_picture_are_named(phantoms: list) -> None:
    pairs = _pairs([*phantoms[:20], *[phantoms[0]] * 14])
    assert {row for pair in pairs for row in pair} == {0, *range(20, 34)}
    assert all(i < j for i, j in pairs)
    assert pairs == sorted(set(pairs))


def test_less_than_two_images_have_no_pairs(phantoms: list) -> None:
    assert _pairs(phantoms[:1]) == []
    assert near_duplicates(np.empty((0, SIDE * SIDE), np.float16)) == []


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    image = np.ones((20, 30))
    image[3, 4] = value
    with pytest.raises(ValueError, match="not finite"):
        signature(image)
