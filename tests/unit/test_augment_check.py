"""Data that an augmentation cannot take is refused in words before a worker is asked for."""

from pathlib import Path
from typing import get_args

import pytest
from pydantic import TypeAdapter

from raytrain.config.augmentation import OneOfSpec, TransformSpec
from raytrain.config.augmentation.gray import ColorJitterSpec
from raytrain.config.augmentation.spatial import HorizontalFlipSpec, RandomRotate90Spec
from raytrain.data.augment import PRESETS
from raytrain.engine.trainable import augmentation_problems, make_trainable
from raytrain.engine.trial import Samples
from tests.runs import run_of
from tests.tiny import SPEC, make_task

EVERYTHING = tuple(
    TypeAdapter(TransformSpec).validate_python({"name": spec.model_fields["name"].default})
    for spec in get_args(TransformSpec)
)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float16", "float32"])
def test_each_transform_that_cannot_take_the_data_is_told(dtype: str) -> None:
    assert augmentation_problems((*EVERYTHING, *PRESETS), (40, 40, 3), dtype) == []
    problems = augmentation_problems(EVERYTHING, (40, 48, 2), dtype)
    assert [problem for problem in problems if "square" in problem] == [
        f"{name} needs square images, but these are 48x40; leave it out"
        for name in ("Transpose", "RandomRotate90", "D4")
    ]
    others = [problem for problem in problems if "square" not in problem]
    words = " cannot take 48x40 images of 2 channels: "
    assert [p.partition(words)[0] for p in others] == ["CLAHE", "ColorJitter", "MedianBlur"]
    assert all(p.partition(words)[2] and "\n" not in p for p in others)


def test_what_is_seldom_or_one_of_several_is_told_too() -> None:
    wide = (40, 48, 1), "uint8"
    seldom = OneOfSpec(transforms=(HorizontalFlipSpec(), RandomRotate90Spec(p=1e-9)), p=1e-9)
    for spec in ("system_b", "system_b_rotate90", "system_b_mix", (seldom,)):
        [problem] = augmentation_problems(spec, *wide)
        assert problem.startswith("RandomRotate90 needs square images")
    for preset in set(PRESETS) - {"system_b", "system_b_rotate90", "system_b_mix"}:
        assert augmentation_problems(preset, *wide) == []


def test_a_station_refuses_before_it_asks_for_workers(tmp_path: Path, samples: Samples) -> None:
    table = samples.report.samples
    wide = {"samples": table.assign(width=2 * table["width"]), "channels": 2}
    report = samples.report.model_copy(update=wide)
    specs = [
        SPEC.model_copy(update={"augmentation": augmentation, "seed": seed})
        for seed in (0, 1)
        for augmentation in ("system_b_mix", ("slices", ColorJitterSpec()), "slices")
    ]
    tasks = [make_task(tmp_path / str(i), samples, spec) for i, spec in enumerate(specs)]
    with pytest.raises(ValueError, match="augmentation") as caught:
        make_trainable(tasks, run_of(tmp_path, report))
    lines = str(caught.value).split("\n")
    assert [line.split()[:2] for line in lines] == [
        ["trial.augmentation:", "ColorJitter"],
        ["trial.augmentation:", "RandomRotate90"],
    ]
    fitting = [task for task in tasks if task.spec.augmentation == "slices"]
    make_trainable(fitting, run_of(tmp_path, report))
