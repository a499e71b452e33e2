"""The contact sheet: every kind of image is drawn, masks as outlines."""

import numpy as np

from raytrain.data.contact_sheet import CAPTION, CELL, COLOURS, GAP, cell, contact_sheet


def test_any_image_has_its_cell() -> None:
    rng = np.random.default_rng(0)
    images = [
        rng.integers(0, 256, (40, 80, 1)).astype(np.uint8),
        rng.integers(0, 60000, (500, 300, 1)).astype(np.uint16),
        rng.random((31, 17, 3)).astype(np.float32),
        np.full((9, 9, 4), 5.0),
        np.zeros((1, 1, 1), np.uint8),
    ]
    pictures = [cell(image, None, 2, "single_label") for image in images]
    sheet = contact_sheet(pictures, ["a", "b" * 99, "é 心", "d", ""], 3)
    assert sheet.size == (3 * (CELL + GAP) + GAP, 2 * (CELL + CAPTION + GAP) + GAP)
    pixels = np.asarray(sheet)
    first = pixels[GAP : GAP + CELL, GAP : GAP + CELL]
    # Twice as wide as high: the upper half is the image, the lower one is paper.
    assert first[: CELL // 2].std() > 20
    assert (first[CELL // 2 :] == 255).all()


def test_masks_are_outlined_in_the_color_of_their_class() -> None:
    mask = np.zeros((CELL, CELL), np.uint8)
    mask[20:60, 20:60], mask[90:140, 90:140] = 1, 2
    picture = cell(np.zeros((CELL, CELL, 1), np.uint8), mask, 3, "single_label")
    drawn = np.asarray(contact_sheet([picture], ["x"], 8))[GAP : GAP + CELL, GAP : GAP + CELL]
    for box, color in (((20, 59), COLOURS[0]), ((90, 139), COLOURS[1])):
        assert (drawn[box[0], box[0] : box[1] + 1] == color).all()
        assert (drawn[box[0] : box[1] + 1, box[1]] == color).all()
    assert (drawn[30:50, 30:50] == 0).all()
