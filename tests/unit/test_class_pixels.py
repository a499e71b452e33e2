"""What masks mean, and classes that they never show: refused, or said and counted in no score."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from raytrain.backend.console import epoch_text
from raytrain.config.competition import CompetitionSpec, SubmissionSpec
from raytrain.config.formats import PairedFoldersSpec
from raytrain.config.framing import PadSpec
from raytrain.config.job import FoldSpec
from raytrain.config.load import load_job
from raytrain.config.metrics import DiceMetricSpec, HausdorffMetricSpec, IoUMetricSpec
from raytrain.data.checks import inspect
from raytrain.data.folds import fold_notes, make_folds
from raytrain.data.report import columns, write_report
from raytrain.engine.reporter import SilentReporter
from raytrain.engine.trial import open_samples, run_trial
from raytrain.metrics import score
from raytrain.metrics.evidence import Evidence, occurring
from raytrain.metrics.oof_file import read_oof_evidence
from raytrain.runs.history import read_history
from raytrain.runs.layout import RunDir
from raytrain.runs.tracked import figures
from raytrain.submission.prepare import prepare
from raytrain.submission.sample import sample_problems
from tests.e2e.finished_run import finished, run_of, write_finished
from tests.layouts.scene import write_rows
from tests.tiny import SPEC, make_task

GROUP = "(N+1)//2"
SQUARE = np.zeros((10, 12), np.uint8)
SQUARE[2:6, 3:8] = 1


def spec_of(competition, classes: tuple[str, ...], **labels: object) -> CompetitionSpec:
    format = PairedFoldersSpec.model_validate({"labels": labels or {"name": "classes"}})
    base = competition.spec(GROUP).model_copy(update={"classes": classes, "format": format})
    return CompetitionSpec.model_validate(base.model_dump())


def fill(competition, mask_of: list[np.ndarray]) -> None:
    """Images of one patient each, the last two to validate on."""
    for number, mask_HW in enumerate(mask_of):
        split = "val" if number >= len(mask_of) - 2 else "train"
        image = np.random.default_rng(number).integers(0, 256, (10, 12)).astype(np.uint8)
        competition.add(split, f"cmr{2 * number + 1}", image, mask_HW)
        competition.add("test", f"cmr{1000 + number}", image[::-1] // 2, None)


def refusal(spec: CompetitionSpec) -> list[str]:
    with pytest.raises(ValueError, match="in the data") as caught:
        inspect(spec)
    return str(caught.value).split("\n")[1:]


def test_masks_of_0_and_255_are_one_line_whose_advice_works(competition) -> None:
    fill(competition, [SQUARE * 255] * 5)
    [line] = refusal(spec_of(competition, ("bg", "fg")))
    assert line.count("_mask.png") == 5
    assert "ignore" not in line
    found = re.search(r"competition\.format\.labels: ({.*})", line)
    assert found
    report = inspect(spec_of(competition, ("bg", "fg"), **yaml.safe_load(found[1])))
    assert set(columns(report.samples[report.samples["split"] != "test"], "pixels")[:, 1]) == {20}


def test_the_wrong_way_with_them_is_refused(competition) -> None:
    fill(competition, [SQUARE * 255] * 5)
    [line] = refusal(spec_of(competition, ("bg", "fg"), ignore=[255]))
    assert "class 'fg' (1): no mask has a pixel of it (100 px are ignored by" in line


def test_one_strange_value_beside_the_class_may_be_ignored(competition) -> None:
    both = SQUARE.copy()
    both[0] = 255
    fill(competition, [both] * 5)
    [line] = refusal(spec_of(competition, ("bg", "fg")))
    assert "threshold" not in line
    assert "{ignore: [255]}" in line


def test_a_class_without_a_pixel_is_refused(competition) -> None:
    fill(competition, [SQUARE] * 5)
    assert inspect(spec_of(competition, ("bg", "fg"))).ids("val") == ("cmr7", "cmr9")
    [line] = refusal(spec_of(competition, ("bg", "fg", "never")))
    assert "class 'never' (2): no mask has a pixel of it" in line
    competition.add("val", "cmr7", SQUARE, SQUARE * 0)
    competition.add("val", "cmr9", SQUARE.T.reshape(10, 12), SQUARE * 0)
    [line] = refusal(spec_of(competition, ("bg", "fg")))
    assert "the masks of val contain only background" in line


def test_a_class_without_a_pixel_is_kept_for_the_sample(competition, tmp_path: Path) -> None:
    fill(competition, [SQUARE] * 5)
    sample = tmp_path / "sample.csv"
    ids = [f"cmr{1000 + number}_mask{k}," for number in range(5) for k in (1, 2)]
    write_rows(sample, "id,encoding", ids)
    asked = {"submission": SubmissionSpec(sample=str(sample))}
    kept = spec_of(competition, ("bg", "fg", "never"))
    assert "'never' (2): no mask has a pixel" in refusal(kept)[0]
    kept = kept.model_copy(update=asked)
    report = inspect(kept)
    [note] = [note for note in report.notes if "the sample submission has: never" in note]
    assert "expect empty masks" in note
    assert sample_problems(kept, report) == []
    removed = spec_of(competition, ("bg", "fg")).model_copy(update=asked)
    [problem] = sample_problems(removed, inspect(removed))
    assert "its rows name classes that competition.classes lacks: 2; add them" in problem


def test_a_fold_names_the_classes_that_it_lacks(competition) -> None:
    rare = SQUARE.copy()
    rare[8] = 2
    fill(competition, [rare, *[SQUARE] * 5])
    report = inspect(spec_of(competition, ("bg", "fg", "rare")))
    folds = make_folds(report, FoldSpec(count=2))
    own = next(fold for fold, ids in enumerate(folds.val_ids) if "cmr1" in ids)
    assert fold_notes(folds, report) == [
        f"class rare has no labeled pixel in fold {1 - own}, so it counts in no score there",
        f"class rare has no labeled pixel outside fold {own}, so the model of this fold cannot "
        "learn it",
    ]


def test_a_training_says_which_classes_it_lacks(competition, tmp_path: Path) -> None:
    rare, other = SQUARE.copy(), SQUARE.copy()
    rare[8], other[0] = 2, 3
    fill(competition, [rare, rare, rare, other, other])
    run = RunDir(tmp_path / "run")
    report = inspect(spec_of(competition, ("bg", "fg", "rare", "other")))
    write_report(run.data_report, report)
    framing = PadSpec(multiple=4)
    spec = SPEC.model_copy(update={"epochs": 1, "framing": framing, "augmentation": ()})
    task = make_task(tmp_path / "trial", samples := open_samples(run), spec)
    run_trial(task, samples, SilentReporter())
    [row] = read_history(task.trial_dir.history)
    assert row["notes"] == [
        "class other has no labeled pixel in the 3 training images: it cannot be learned",
        "class rare has no labeled pixel in the 2 validation images: no score includes it",
    ]
    fg, none, last = row["val_dice_per_class"]
    assert none is None
    assert row["val_dice"] == row["val_score"] == pytest.approx((fg + last) / 2)
    assert f"({fg:.3f} - {last:.3f})" in epoch_text(row, 1)
    assert "val_dice_class/2" not in figures(row)
    found = read_oof_evidence(task.trial_dir.evidence)
    assert score(found.metric, found.evidence) == row["val_score"]


def test_a_csv_of_empty_masks_is_said_in_capital_letters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = write_finished(tmp_path)
    prepare(load_job(job), run_of(job), 0)
    assert "EMPTY" not in capsys.readouterr().err
    finished(job, pixels=0)
    prepare(load_job(job), run_of(job), 0)
    assert "ALL 2 MASKS ARE EMPTY: " in capsys.readouterr().err


def test_a_fold_of_background_alone_is_refused(competition) -> None:
    fill(competition, [SQUARE * 0] * 3 + [SQUARE] * 2)
    report = inspect(spec_of(competition, ("bg", "fg")))
    with pytest.raises(ValueError, match=r"folds\.count: .* contain only background"):
        make_folds(report, FoldSpec(count=5))


@pytest.mark.parametrize("over", ["images", "set"])
@pytest.mark.parametrize("background", [False, True])
def test_a_class_that_truth_never_shows_counts_in_no_score(over: str, background: bool) -> None:
    rng = np.random.default_rng(0)
    counts_NK3 = rng.integers(1, 50, (6, 4, 3))
    counts_NK3[:, 2] = 0  # not in truth, not predicted: the score of 1 would lift the mean
    counted_K = occurring(counts_NK3)
    assert counted_K.tolist() == [True, True, False, True]
    distance_NGK = rng.uniform(0, 9, (6, 1, 4))
    hausdorff = HausdorffMetricSpec(background=background)
    evidence = Evidence(counts_NK3, (hausdorff,), distance_NGK, counted_K)
    without = Evidence(
        counts_NK3[:, [0, 1, 3]], (hausdorff,), distance_NGK[:, :, [0, 1, 3]]
    )  # fmt: skip
    for spec in (
        DiceMetricSpec(over=over, background=background),
        IoUMetricSpec(over=over, background=background, empty="skip"),
        hausdorff,
    ):
        assert score(spec, evidence) == pytest.approx(score(spec, without), rel=1e-12)
        rows = np.array([3, 3, 0])
        assert score(spec, evidence.of(rows)) == pytest.approx(score(spec, without.of(rows)))
