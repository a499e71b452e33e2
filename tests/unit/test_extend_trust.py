"""`extend`: the Python files of somebody else's run are named, and run only with --trust."""

from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner

from raytrain.cli import app
from raytrain.runs.extensions import load_extensions, run_of
from raytrain.runs.files import write_json
from raytrain.runs.layout import RunDir

MARK = "from pathlib import Path\nPath({!r}).touch()\nMODELS = {{}}\n"


def kept_file(run: RunDir, text: str, named: bool = True) -> Path:
    """A file in `extend/` of a run, which a record of the run names."""
    path = run.extend / sha256(text.encode()).hexdigest()[:12] / "theirs.py"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    if named:
        write_json(run.trial("abc").record, {"spec": {"model": {"extend": path.parent.name}}})
    return path


@pytest.mark.parametrize("command", ["leaderboard", "compare", "export"])
def test_code_in_the_folder_of_someone_elses_run_is_named_and_not_run(
    command: str, tmp_path: Path
) -> None:
    run = RunDir(tmp_path / "theirs")
    kept = kept_file(run, MARK.format(str(tmp_path / "it ran")))
    checkpoint = run.trial("abc").checkpoints / "last.pt"
    words = {
        "leaderboard": [run.path], "compare": [run.path, "a", "b"], "export": [checkpoint],
    }[command]  # fmt: skip
    done = CliRunner().invoke(app, [command, *map(str, words)])
    assert done.exit_code == 1
    assert str(kept) in done.output.replace("\n", "")
    assert "--trust" in done.output
    CliRunner().invoke(app, [command, *map(str, words), "--trust"])
    assert (tmp_path / "it ran").exists() == (command != "export")  # which first misses the card


def test_only_what_a_record_names_and_nobody_changed_is_run(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")
    kept_file(run, MARK.format(str(tmp_path / "it ran")), named=False)
    load_extensions(run)
    changed = kept_file(run, "MODELS = {}\n")
    changed.write_text(MARK.format(str(tmp_path / "it ran")))
    with pytest.raises(ValueError, match=r"theirs\.py: changed since the run copied it"):
        load_extensions(run)
    assert not (tmp_path / "it ran").exists()


@pytest.mark.parametrize(
    "place", ["x/y/z/last.pt", "trials/abc/elsewhere/last.pt", "checkpoints/last.pt", "last.pt"]
)
def test_only_a_checkpoint_of_a_run_leads_to_a_run(place: str, tmp_path: Path) -> None:
    assert run_of(tmp_path / place) is None
