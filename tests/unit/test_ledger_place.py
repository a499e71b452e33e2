"""Where the default ledger is, and what happens to one at its old place."""

import subprocess
from pathlib import Path

import pytest

from raytrain.config.job import JobSpec
from raytrain.pipeline.run import run
from raytrain.runs.layout import RunDir, run_dir
from raytrain.submission.ledger import FileLedger, ledger_file, ledger_of
from tests.unit.test_ledger import an_event


@pytest.mark.parametrize(
    ("storage", "place"),
    [
        ("runs", "submissions/cardiac/ledger.jsonl"),
        ("deep/er/runs/", "submissions/cardiac/ledger.jsonl"),
        (".", "submissions/cardiac/ledger.jsonl"),
        ("{here}/runs", "runs/submissions/cardiac/ledger.jsonl"),
        ("../{name}/runs", "runs/submissions/cardiac/ledger.jsonl"),
    ],
)
def test_place_of_the_ledger(
    storage: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    job = a_job(storage.format(here=tmp_path, name=tmp_path.name))
    assert str(ledger_of(job, run_dir(job))) == str(tmp_path / place)
    monkeypatch.chdir("/")  # as a command on the run's folder from elsewhere
    folder = tmp_path / Path(job.storage if ".." not in job.storage else "runs")
    assert ledger_file(RunDir(folder / "cardiac/default"), job.storage) == tmp_path / place


def test_a_ledger_at_its_old_place_is_refused_with_the_command_that_moves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    job = a_job("my runs")
    old = FileLedger(tmp_path / "my runs/cardiac/submissions/ledger.jsonl")
    old.append(an_event())
    with pytest.raises(ValueError, match="its place is now") as refused:
        ledger_of(job, run_dir(job))
    with pytest.raises(ValueError, match="its place is now"):
        run(job, run_dir(job), "local")  # before it looks at the data, which are not there
    command = str(refused.value).split("is now ")[1].split(": ", 1)[1]
    subprocess.run(command, shell=True, check=True)
    assert ledger_of(job, run_dir(job)).read() == [an_event()]
    old.append(an_event())
    with pytest.raises(ValueError, match="which exists too: merge the two by hand"):
        ledger_of(job, run_dir(job))


def a_job(storage: str) -> JobSpec:
    tree = {"name": "cardiac", "data": "d", "classes": ["background", "heart"]}
    return JobSpec.model_validate({"competition": tree, "storage": storage})
