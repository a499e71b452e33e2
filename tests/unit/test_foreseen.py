"""What can be known at `check` is refused at `check`, and the shortest job needs nothing more."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from raytrain.cli.answer import failure
from raytrain.config.framing import TilesSpec, WholeSpec
from raytrain.config.job import JobSpec
from raytrain.data.checks import LONGEST_ID, inspect
from raytrain.engine.tasks import Fold, make_task
from raytrain.pipeline.check import check, ensemble_problems
from raytrain.pipeline.data_text import summary
from raytrain.pipeline.run import run
from raytrain.runs.layout import run_dir
from tests.runs import run_of
from tests.unit.conftest import Competition

HEADER = "id,encoding"
KEYS = [f"cmr{n}_mask{k}" for n in (7, 8) for k in (1, 2)]


@pytest.fixture
def filled(competition: Competition) -> Competition:
    competition.fill(train=2, val=1, test=1)
    return competition


def job_of(filled: Competition, **parts: Any) -> JobSpec:
    """The shortest job, and what a test adds to it."""
    own = filled.spec("N").model_dump(include={"name", "data", "classes"})
    tree = {"storage": str(filled.root.parent / "runs"), **parts}
    return JobSpec.model_validate(tree | {"competition": own | parts.get("competition", {})})


def refusal(job: JobSpec) -> str:
    with pytest.raises(ValueError, match="problem") as caught:
        check(job, run_dir(job))
    assert not run_dir(job).data_report.exists()
    return str(caught.value)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (None, "s.csv: no such file; correct the path (competition.submission.sample)"),
        ([HEADER, *(f"{key}," for key in KEYS[:-1])], "not in the sample: cmr8_mask2"),
        (
            [HEADER, *(f"{key}," for key in [*KEYS, "x_mask1"])],
            "not in the rows of the test images",
        ),
        (["Id,Encoding", *(f"{key}," for key in KEYS)], "the header is 'Id,Encoding'"),
        ([HEADER, "cmr7,", "cmr8,"], "not in the sample: cmr7_mask1, cmr7_mask2"),
        ([HEADER, *(f"{key}," for key in [*KEYS, *KEYS])], "occur more than once: cmr7_mask1"),
        ([HEADER, *KEYS], "row 2 has 1 cell"),
    ],
)
def test_a_sample_that_does_not_fit_is_refused(
    filled: Competition, lines: list[str] | None, words: str
) -> None:
    if lines is not None:
        (filled.root / "s.csv").write_text("\n".join(lines))
    job = job_of(filled, competition={"submission": {"sample": "s.csv"}})
    assert words in refusal(job)


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        (["Id,Encoding", *(f"{key}," for key in KEYS)], 1),
        ([HEADER, "cmr7,", "cmr8,"], 2),
        ([HEADER, *(["cmr7_mask1"] * 15)], 15),
    ],
)
def test_each_difference_from_the_sample_is_one_problem_with_the_remedy(
    filled: Competition, lines: list[str], count: int
) -> None:
    (filled.root / "s.csv").write_text("\n".join(lines))
    job = job_of(filled, competition={"submission": {"sample": "s.csv"}})
    with pytest.raises(ValueError, match=f"the job: {count} problem") as caught:
        check(job, run_dir(job))
    answer = failure(caught.value, "config", 1)
    places = {problem.path.rpartition("/")[2] for problem in answer.problems}
    assert (places, len(answer.problems)) == ({"s.csv"}, min(count, 10))
    remedies = {problem.remedy for problem in answer.problems}
    assert count > 10 or all("dialect --sample" in remedy for remedy in remedies)


@pytest.mark.parametrize("place", ["data", "home", "absolute"])
def test_a_sample_is_found_where_paths_are_looked_for(
    filled: Competition, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = filled.root if place == "data" else tmp_path
    text = "\ufeff" + "\r\n".join([HEADER, *(f"{key}," for key in KEYS), "", ""])
    (folder / "s.csv").write_bytes(text.encode())
    sample = {"data": "s.csv", "home": "~/s.csv", "absolute": str(tmp_path / "s.csv")}[place]
    job = job_of(filled, competition={"submission": {"sample": sample}})
    assert check(job, run_dir(job)).notes == ()


def test_without_test_images_nothing_is_prepared(competition: Competition) -> None:
    competition.fill(train=2, val=1, test=0)
    splits = {"name": "folders", "test": None}
    job = job_of(competition, competition={"splits": splits}).at("local")
    directory = run_dir(job)
    assert "there are no test images" in summary(check(job, directory))
    with pytest.raises(ValueError, match="there are no test images"):
        run(job, directory, "local")
    assert not directory.trials.exists()


def test_a_name_that_no_file_can_take_is_refused(filled: Competition) -> None:
    mask_HW = np.indices((10, 12)).sum(0).astype(np.uint8) % 3
    filled.add("train", "x" * (LONGEST_ID - 1) + "1", mask_HW * 9, mask_HW)
    inspect(filled.spec("N // 5"))
    filled.add("train", "\u00e9" * (LONGEST_ID // 2) + "11", mask_HW * 7, mask_HW)
    with pytest.raises(ValueError, match=rf"its name has {LONGEST_ID + 1} bytes"):
        inspect(filled.spec("N // 5"))


@pytest.mark.parametrize("where", ["trial", "space"])
def test_a_loss_that_does_not_fit_the_target_is_refused(filled: Competition, where: str) -> None:
    loss = [{"name": "cross_entropy", "class_weights": [1, 2]}]
    part = {"loss": loss} if where == "trial" else {}
    space = {} if where == "trial" else {"loss": {"choice": [[{"name": "dice"}], loss]}}
    job = job_of(filled, trial=part, search={"space": space})
    assert "trial.loss.0 (cross_entropy): 2 weights for 3 classes" in refusal(job)


RATES = {"optimizer.lr": {"choice": [0.1, 0.01]}}


@pytest.mark.parametrize(
    ("parts", "count"),
    [
        ({}, None),
        ({"finalize": {"members": 2}}, 1),
        ({"finalize": {"members": 2}, "search": {"space": RATES}}, None),
        ({"finalize": {"members": 3}, "search": {"space": RATES}}, 2),
        ({"finalize": {"members": 2}, "search": {"space": RATES, "trials": 1}}, 1),
        ({"cv": {"candidates": 9}, "search": {"space": RATES}}, None),
        (
            {
                "finalize": {"members": 2}, "search": {"space": RATES},
                "trial": {"model": {"name": "pixels_logistic"}},
            },
            1,
        ),
    ],
)  # fmt: skip
def test_more_members_than_configurations_are_refused(
    competition: Competition, parts: dict[str, Any], count: int | None
) -> None:
    job = job_of(competition, **parts)
    found = ensemble_problems(job)
    assert [f"search.trials give {count}; lower" in line for line in found] == (
        [True] if count else []
    )


def test_the_shortest_job_runs_in_one_process_and_with_images_of_any_size(
    filled: Competition, capsys: pytest.CaptureFixture[str]
) -> None:
    job = job_of(filled)
    assert (job.search.scheduler.name, job.at("local").search.scheduler.name) == ("asha", "none")
    asked = job_of(filled, search={"scheduler": {"name": "asha"}}).at("local")
    assert asked.search.scheduler.name == "asha"
    directory = run_dir(job)
    for framing in (WholeSpec(), TilesSpec()):
        report = check(job, directory)
        task = make_task(
            run_of(directory, report, job), "train", job.trial, Fold("split", ("cmr1",), ()), 1
        )
        assert task.spec.framing == framing
        mask_HW = np.indices((11, 7)).sum(0).astype(np.uint8) % 3
        filled.add("train", "cmr99", mask_HW * 9, mask_HW)
    line = "trial.framing: tiles of 256x256, because images have 2 sizes"
    assert line in capsys.readouterr().out
