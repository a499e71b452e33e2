"""Patterns with named parts and `*`: names, masks, groups and test images that are elsewhere."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from raytrain.config.competition import CompetitionSpec
from raytrain.config.formats import NumpyStacksSpec, PairedFoldersSpec, RleTableSpec
from raytrain.config.splits import FolderSplitsSpec, GroupSpec
from raytrain.data.find import FoundSamples, find_samples
from raytrain.data.patterns import path_fields
from tests.format_files import CLASSES, MASK, mask_of, save, write_numpy_stacks

TRAIN_ONLY = FolderSplitsSpec(val=None, test=None)


def _found(root: Path, spec: Any, **fields: object) -> FoundSamples:
    base = {"name": "c", "data": str(root), "format": spec, "classes": CLASSES}
    return find_samples(CompetitionSpec.model_validate(base | fields), root)


@pytest.mark.parametrize(
    ("pattern", "path", "fields"),
    [
        ("{name}_mask.png", "a_mask_mask.PNG", {"name": "a_mask"}),
        ("{a}/x_{b}_*.png", "c1/x_07_36_1.5.png", {"a": "c1", "b": "07"}),
        ("{a}_*", "case1_day2_slice_3", {"a": "case1"}),
        ("{a}_{b}_*.*", "p1_7_x.y.tif", {"a": "p1", "b": "7"}),
        ("*_{a}.png", "x_y_7.png", {"a": "7"}),
        ("{a}/{b}_*/{c}_{d}.png", "1/2_3_4/5_6_7.png", {"a": "1", "b": "2", "c": "5_6", "d": "7"}),
        ("{a}/{a}_*.png", "n1/n1_x.png", {"a": "n1"}),
        ("{a}/{a}_*.png", "n1/n2_x.png", None),
        ("im*/{a}.png", "im/b.png", {"a": "b"}),
        ("im*/{a}.png", "im/x/b.png", None),
    ],
)
def test_parts_before_a_star_are_short(pattern: str, path: str, fields: dict | None) -> None:
    assert path_fields(path, pattern) == fields


def test_parts_form_the_name_and_pair_the_mask(tmp_path: Path) -> None:
    for case, day in (("c1", 2), ("c1", 10), ("c2", 2)):
        save(tmp_path / f"train/{case}/d{day}_4_6.png")
        save(tmp_path / f"masks/{case}-{day}.png", MASK * (case == "c1"))
    spec = PairedFoldersSpec(image="{split}/{case}/d{day}_*.png", mask="masks/{case}-{day}.png")
    found = _found(tmp_path, spec, splits=TRAIN_ONLY, group="{case}_*")
    assert found.problems == []
    assert [s.id for s in found.samples] == ["c1_2", "c1_10", "c2_2"]
    assert [mask_of(spec, tmp_path, s).any() for s in found.samples] == [True, True, False]
    assert found.groups == {"c1_2": "c1", "c1_10": "c1", "c2_2": "c2"}
    other = spec.model_copy(update={"image_id": "{day}of{case}"})
    assert _found(tmp_path, other, splits=TRAIN_ONLY).samples[0].id == "2ofc1"


def test_a_group_is_in_the_path_or_in_the_name(tmp_path: Path) -> None:
    save(tmp_path / "p1/im_a.png")
    save(tmp_path / "p1/im_a_m.png")
    spec = {"image": "{patient}/im_{name}.png", "mask": "{patient}/im_{name}_m.png"}
    kept: dict[str, Any] = {"splits": {"name": "ranges", "train": "1"}}
    assert _found(tmp_path, spec, **kept, group="{patient}").groups == {"a": "p1"}
    for group, words in (
        (
            "{case}_*",
            "the name 'a' does not match '{case}_*'; rename the file, or correct the pattern (comp",
        ),
        (
            "{case}",
            "'{case}' is the whole name 'a'; write the text around the part, such as '{case}_*",
        ),
    ):
        assert any(
            words in problem for problem in _found(tmp_path, spec, **kept, group=group).problems
        )
    for wrong in ("{name}_*", "{split}_*", "{a}*", "{a b}_*"):
        with pytest.raises(ValidationError):
            TypeAdapter(GroupSpec).validate_python(wrong)


def test_names_and_masks_of_two_images_are_refused(tmp_path: Path) -> None:
    for patient in ("p1", "p2"):
        save(tmp_path / f"train/{patient}/1.png")
        save(tmp_path / f"train/{patient}/1_m.png")
    masks = {"mask": "train/{patient}/{name}_m.png"}
    spec = PairedFoldersSpec(image="{split}/{patient}/{name}.png", **masks)
    [problem] = _found(tmp_path, spec, splits=TRAIN_ONLY).problems
    assert problem.startswith(
        f"{tmp_path}/train/p2/1.png: its name '1' is also that of train/p1/1.png"
    )
    assert "image_id" in problem
    assert "'{patient}_{name}'" in problem
    fixed = spec.model_copy(update={"image_id": "{patient}_{name}"})
    assert _found(tmp_path, fixed, splits=TRAIN_ONLY).problems == []
    shared = PairedFoldersSpec(
        image="{split}/{patient}/{n}.png", mask="{split}/p1/{n}_m.png", image_id="{patient}_{n}"
    )
    problems = _found(tmp_path, shared, splits=TRAIN_ONLY).problems
    assert any(
        "1_m.png: is the mask of train/p1/1.png and of train/p2/1.png" in p for p in problems
    )


@pytest.mark.parametrize("splits", [{}, {"name": "fraction"}, {"name": "ranges", "train": "1-9"}])
def test_test_images_are_elsewhere_with_equal_names(splits: dict, tmp_path: Path) -> None:
    for name in ("a1", "a2"):
        save(tmp_path / f"im/{name}.png")
        save(tmp_path / f"gt/{name}.png")
        save(tmp_path / f"later/{name}/x.png")
    spec = PairedFoldersSpec(
        image="im/{name}.png", mask="gt/{name}.png", test_image="later/{name}/*.png"
    )
    found = _found(tmp_path, spec, splits=splits)
    assert found.problems == []
    ids = {s.id: s.split for s in found.samples}
    assert ids["a1"] == ids["a2"] == "test"
    assert {ids["train_a1"], ids["train_a2"]} <= {"train", "val"}
    assert all(bool(s.mask) == (s.split != "test") for s in found.samples)
    (tmp_path / "gt/a1.png").unlink()
    [problem] = _found(tmp_path, spec, splits=splits).problems
    assert problem.startswith(
        f"{tmp_path}/im/a1.png: its mask is missing; expected {tmp_path}/gt/a1"
    )


def test_test_images_may_lie_beside_the_others_and_lack_a_group(tmp_path: Path) -> None:
    for name in ("p1_a", "p1_b", "p2_c"):
        save(tmp_path / f"{name}.png")
        save(tmp_path / f"{name}.gt.png")
    save(tmp_path / "test_7.png")
    spec = PairedFoldersSpec(image="{name}.png", mask="{name}.gt.png", test_image="test_{name}.png")
    found = _found(tmp_path, spec, group="{patient}_*", splits={"name": "fraction", "val": 0.5})
    assert found.problems == []
    assert found.groups == {"p1_a": "p1", "p1_b": "p1", "p2_c": "p2", "7": "7"}
    assert found.notes == (
        "test images whose names lack a part of competition.group: 1, such as '7'",
    )


def test_what_a_pattern_of_test_images_needs(tmp_path: Path) -> None:
    base = {"image": "im/{case}_{n}.png", "mask": "gt/{case}_{n}.png"}
    for change, words in (
        ({"test_image": "t/{n}.png"}, r"lacks {case}, a part of image; add it"),
        ({"test_image": "{split}/{case}_{n}.png"}, "{split} has no meaning here"),
        ({"image_id": "{cas}_{n}"}, "unknown '{cas}'; did you mean '{case}'"),
        ({"image_id": "{case}/{n}"}, "a name has no . and no /"),
        ({"mask": "gt/{cse}.png"}, "unknown '{cse}'; did you mean '{case}'"),
        ({"mask": "{split}/{case}_{n}.png"}, "unknown '{split}'"),
        ({"mask": "gt/{object}.png"}, "does not say to which image a mask belongs"),
        ({"mask": "**/{case}.png"}, "does not span folders"),
        ({"image": "im/{case}*.png"}, "nothing separates the part from"),
        ({"image": "im/{1}.png"}, "one word that begins with a letter"),
        ({"mask": "gt/{class}_{case}_{n}.png", "labels": {"name": "values", "classes": {0: 0}}},
         "the file says the class; leave labels out, or set threshold"),
    ):  # fmt: skip
        with pytest.raises(ValidationError, match=words):
            PairedFoldersSpec.model_validate(base | change)
    spec = PairedFoldersSpec(**base, test_image="t/{case}_{n}.png")
    with pytest.raises(ValidationError, match=r"splits.test: format.test_image says where"):
        _found(tmp_path, spec, splits={"name": "ranges", "train": "1", "test": "2"})
    problems = _found(tmp_path, spec).problems
    said = "no image of split 'test' matches this pattern; correct the pattern"
    assert f"{tmp_path}/t/{{case}}_{{n}}.png: {said}" in problems


def test_a_val_split_that_nobody_asked_for_is_not_missed(tmp_path: Path) -> None:
    save(tmp_path / "train/image/a.png")
    save(tmp_path / "train/mask/a_mask.png")
    save(tmp_path / "test/image/b.png")
    found = _found(tmp_path, {})
    assert found.problems == []
    assert found.notes == (
        "there is no val split, because there is no 'val': the search validates on the first fold "
        "(competition.splits.val)",
    )
    for splits in ({"val": "valid"}, {}):
        (tmp_path / "val").mkdir(exist_ok=True)
        [problem] = _found(tmp_path, {}, splits=splits).problems
        assert "no image of split 'val'" in problem
        assert "set competition.splits.val: null if there is no such split" in problem
    assert _found(tmp_path, {}, splits={"val": None}).notes == ()


def test_stacks_and_tables_need_no_val_split_either(tmp_path: Path) -> None:
    write_numpy_stacks(tmp_path)
    (tmp_path / "valimages.npy").unlink()
    found = _found(tmp_path, NumpyStacksSpec())
    assert (found.problems, len(found.notes)) == ([], 1)
    assert "because there is no 'valimages.npy'" in found.notes[0]
    save(tmp_path / "train/a.png")
    save(tmp_path / "test/b.png")
    (tmp_path / "train.csv").write_text("id,rle\na,1 2\n")
    found = _found(tmp_path, RleTableSpec(dialect="lasc"))
    assert (found.problems, [s.split for s in found.samples]) == ([], ["train", "test"])
    assert "because there is no 'val'" in found.notes[0]
