"""What the report page is made of: scores, pictures, colors; and the ledger's table."""

import re
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from raytrain.config.metrics import MetricSpec
from raytrain.data.neighbours import own_frame
from raytrain.data.report import named_ids
from raytrain.pipeline.ledger import listed
from raytrain.report import images, pictures
from raytrain.report.ensemble_section import _class_key
from raytrain.report.facts import has_oof_maps, read_facts
from raytrain.report.images import SIDE_PX, overlaid, overlay, thinned, visible
from raytrain.report.line import stations
from raytrain.report.oof import OofImage, class_dice, read_oof, telling
from raytrain.report.palette import class_color, series_colors
from raytrain.runs.files import write_json
from raytrain.runs.record import read_records
from raytrain.submission.agreement import agreement
from raytrain.submission.ledger import FileLedger
from tests.arrays import report_of
from tests.support import ledger_in
from tests.unit.report_html import decoded
from tests.unit.report_run import STATIONS, build, page_alone
from tests.unit.report_truth import reference_dice


def test_masks_of_another_ensemble_are_not_shown(tmp_path):
    run = build(tmp_path, "predict")
    shown = pictures.tests(read_facts(run, [], agreement([])))
    assert [card.id for card in shown.cards] == ["img13", "img14", "img15", "img16"]
    (run.masks / "ensemble.txt").write_text("other")
    stale = pictures.tests(read_facts(run, [], agreement([])))
    assert (stale.cards, stale.missing) == ([], "finalize")


def test_which_maps_count_is_known_once_there_are_members(tmp_path):
    facts = read_facts(build(tmp_path, "cv"), [], agreement([]))
    assert (read_oof(facts).missing, read_oof(facts).images) == ("finalize", [])
    assert [station.done for station in stations(facts)] == [True] * 3 + [False] * 4
    assert stations(facts)[2].detail == "2 configurations x 2 folds"


def test_maps_of_other_folds_are_refused(tmp_path):
    run = build(tmp_path, "finalize")
    path = next(run.oof.glob("*.npy"))
    np.save(path, np.load(path)[:2])
    with pytest.raises(
        ValueError,
        match=rf"{path.name}: damaged.*contains 2 values, but its 6 images have 8640.*raytrain cv",
    ):
        page_alone(run)


def test_dice_against_hand_computed_table_and_reference():
    true = np.array([[1, 1, 0], [2, 0, 0]])
    pred = np.array([[1, 0, 0], [2, 2, 1]])
    # Class 1: 1 hit, sizes 2 and 2; class 2: 1 hit, sizes 2 and 1; class 3: absent from both.
    assert class_dice(pred, true, 4, "single_label").tolist() == pytest.approx([0.5, 2 / 3, 1.0])
    rng = np.random.default_rng(5)
    for _ in range(5):
        pred, true = rng.integers(0, 3, (2, 9, 7))
        assert class_dice(pred, true, 5, "single_label") == pytest.approx(
            reference_dice(pred, true, 5)
        )
        assert class_dice(true, true, 5, "single_label").tolist() == [1.0] * 4


def test_few_images_are_all_shown():
    images = [OofImage(str(n), 0, n, n / 10, ()) for n in range(9)]
    assert [image for _, image in telling(images[:5])] == images[:5]
    assert [image.id for _, image in telling(images)] == ["0", "1", "3", "4", "7", "8"]


def test_overlay_tints_inside_and_outlines_the_border():
    image = np.full((SIDE_PX, SIDE_PX, 3), 100, np.uint8)
    mask = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    mask[50:100, 60:120] = 1
    drawn = decoded(overlay(image, mask, 2, "single_label"))
    color = [int(class_color(1)[place : place + 2], 16) for place in (1, 3, 5)]
    assert drawn[50, 60].tolist() == drawn[99, 119].tolist() == color
    assert drawn[75, 80].tolist() == [round(62 + 0.38 * value) for value in color]
    assert drawn[49, 60].tolist() == drawn[75, 120].tolist() == [100, 100, 100]


@pytest.mark.parametrize(
    ("array", "top"),
    [
        (np.linspace(0, 4000, 600).reshape(20, 30, 1).astype(np.uint16), 255),
        (np.arange(600).reshape(20, 30, 1).astype(np.uint8), 255),
        (np.full((20, 30, 4), 9, np.uint8), 9),
        (np.full((20, 30, 7), 9, np.uint8), 9),
        (np.zeros((20, 30, 1), np.float32), 0),
    ],
)
def test_any_image_becomes_visible(array, top):
    shown = visible(array)
    assert (shown.shape, shown.dtype, shown.max()) == ((20, 30, 3), np.uint8, top)


def test_large_images_are_reduced_with_their_masks():
    mask = np.zeros((900, 600), np.uint8)
    mask[:450] = 1
    drawn = decoded(overlay(np.zeros((900, 600, 3), np.uint8), mask, 2, "single_label"))
    assert drawn.shape == (SIDE_PX, 192, 3)
    assert drawn[:144].any(axis=2).all()
    assert not drawn[144:].any()


def test_strips_change_no_picture(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(0)
    mask = rng.integers(0, 4, (7, 5), dtype=np.uint8).repeat(5, 0).repeat(6, 1)
    image = rng.integers(0, 256, (*mask.shape, 3), dtype=np.uint8)
    whole = [overlaid(image, mask, 3, target) for target in ("single_label", "multi_label")]
    scene = visible(image[..., :1].astype(np.uint16))
    for rows in (1, 2, 13):
        monkeypatch.setattr(images, "ROWS", rows)
        again = [overlaid(image, mask, 3, target) for target in ("single_label", "multi_label")]
        assert np.array_equal(again, whole)
        assert np.array_equal(visible(image[..., :1].astype(np.uint16)), scene)


def test_very_large_images_are_thinned():
    image = np.add.outer(np.arange(3000), 2 * np.arange(1500))[..., None]
    small = thinned(image, 30)
    assert np.array_equal(small[..., 0], image[50::100, 50::100, 0])
    assert np.array_equal(thinned(image[:30, :20], 30), image[:30, :20])


def test_series_beyond_the_palette_stay_distinct_labels():
    colors = series_colors([f"s{n % 20}" for n in range(40)])
    assert len(colors) == 20
    assert len(set(colors.values())) == 8


def test_ledger_table(tmp_path):
    empty = listed(FileLedger(tmp_path / "ledger.jsonl")).text
    assert "nothing is prepared or sent yet" in empty
    table = listed(ledger_in(build(tmp_path, STATIONS[-1]))).text
    assert re.search(r"first-0001.*sent.*2026-03-04 05:06.*first.*0.8123.*4711", table)
    assert table.count("first-0001") == 1


def test_maps_are_found_by_the_records_of_cv_and_of_the_ensemble(tmp_path: Path) -> None:
    run = build(tmp_path, "finalize")
    # Without a val split it is the search that trains the first fold.
    record = next(record for record in read_records(run) if record.fold.startswith("fold0"))
    write_json(
        run.trial(record.fingerprint).record,
        record.model_copy(update={"station": "search"}).model_dump(mode="json"),
    )
    facts = read_facts(run, [], agreement([]))
    cv = next(station for station in stations(facts) if station.name == "cv")
    assert (cv.done, cv.detail) == (True, "2 configurations x 2 folds")
    assert has_oof_maps(facts)
    assert len(read_oof(facts).images) == len(facts.data.ids("train", "val"))
    next(run.oof.glob("*.npy")).unlink()
    facts = read_facts(run, [], agreement([]))
    cv = next(station for station in stations(facts) if station.name == "cv")
    assert (cv.done, cv.detail, has_oof_maps(facts)) == (False, "3 of 4 maps", False)


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("dice", "dice"),
        ({"name": "dice", "over": "set"}, "dice_set"),
        ("iou", "iou"),
        ("f1", "f1"),
        ({"name": "recall", "average": "weighted"}, "recall"),
        # Another rule for 0/0 than that of the table, and metrics that the table lacks.
        ({"name": "dice", "empty": "skip"}, None),
        ({"name": "f1", "over": "images"}, None),
        ("hausdorff", None),
    ],
)
def test_columns_of_classes_are_in_the_named_metric(words, key):
    assert _class_key(TypeAdapter(MetricSpec).validate_python(words)) == key


def test_chosen_images_are_ids_or_places_of_test_images():
    rows = [{"id": id, "split": split} for id, split in
            (("7", "train"), ("a1", "val"), ("t0", "test"), ("t1", "test"))]  # fmt: skip
    report = report_of(rows, ("background", "organ"))
    assert named_ids(report, ["a1", 1, 7, "t1"]) == (["a1", "t1", "7"], [])
    _, problems = named_ids(report, ["a11", 2])
    assert problems == [
        "report.images: unknown 'a11'; did you mean 'a1'?",
        "report.images: 2 is neither an image's id nor the position of a test image (there are "
        "positions 0 to 1); correct it",
    ]


@pytest.mark.parametrize(
    ("expressions", "shown"),
    [
        ((), [0, 1, 2]),
        (("N-1", "N", "N+1"), [1]),
        (("N", "4*((N+1)//2)-1-N", "N+9"), [0]),
        (("N-2", "N-1", "N+1"), [1]),
    ],
)
def test_of_several_frames_the_images_own_one_is_shown(expressions, shown):
    image = np.arange(3, dtype=np.uint8).reshape(1, 1, 3)
    assert own_frame(image, "s7", expressions).ravel().tolist() == shown
