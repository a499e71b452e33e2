"""Which groups of views are tried for a configuration, and what is refused before training."""

from typing import Any

import pytest

from raytrain.config.job import JobSpec
from raytrain.config.predict import VIEW_COUNTS
from raytrain.config.trial import TrialSpec
from raytrain.engine.views import GROUPS
from raytrain.ensemble.tta import tried_groups, tta_problems
from raytrain.pipeline.check import job_problems
from tests.study_runs import small_report

COMPETITION = {"name": "p", "data": "d", "classes": ["bg", "rv", "myo", "lv"]}
FLIPS = TrialSpec(augmentation="flips")
WIDE = TrialSpec(framing={"name": "resize", "height": 32, "width": 64}, augmentation="flips")


def job_of(**parts: Any) -> JobSpec:
    return JobSpec.model_validate({"competition": COMPETITION, **parts})


def test_the_counts_are_those_of_the_views() -> None:
    assert {name: len(views) for name, views in GROUPS.items()} == VIEW_COUNTS


@pytest.mark.parametrize(
    ("tta", "expected"),
    [
        ("auto", ("hflip", "vflip")),
        ("none", ()),
        (["scales"], ("scales",)),
        (["shifts", "auto", "hflip"], ("shifts", "hflip", "vflip")),
    ],
)
def test_auto_tries_what_training_drew_and_a_list_what_it_names(
    tta: Any, expected: tuple[str, ...]
) -> None:
    assert tried_groups(job_of(predict={"tta": tta}), FLIPS, small_report()) == expected
    assert tried_groups(job_of(predict={"tta": tta}, folds="none"), FLIPS, small_report()) == ()


def test_views_that_cannot_be_kept_are_not_tried() -> None:
    report, job = small_report(), job_of(predict={"tta": ["hflip"]}, self_train={})
    assert tried_groups(job, FLIPS, report) == ("hflip",)
    assert not any("self_train" in line for line in job_problems(job, report))
    report.samples["group"] = report.samples["group"].replace("5", "4")
    assert tried_groups(job, FLIPS, report) == ()
    [line] = [line for line in job_problems(job, report) if "self_train" in line]
    assert "at least 6 groups score differently, but the labeled images form 5" in line


def test_views_that_the_windows_cannot_have_are_refused() -> None:
    job = job_of(predict={"tta": ["turns", "hflip"]})
    [line] = tta_problems(job, [WIDE], small_report())
    assert line == (
        "predict.tta: turns: quarter turns need square windows, but these are 64x32; leave this "
        "group out"
    )
    assert tta_problems(job_of(), [WIDE], small_report()) == []
