"""What stands in `final/`, and how another ensemble takes its place: whole, and in one step.

A candidate is built in a folder of its own under `ensembles/`; `final` is then a link to it.
"""

import shutil
from dataclasses import replace

from raytrain.metrics.oof_file import OofEvidence, read_oof_evidence
from raytrain.runs.layout import RunDir

FOLDER = "ensembles"
EARLIER = f"{FOLDER}/earlier"
"""What stood in `final/` before there was a budget."""


def standing(run: RunDir) -> OofEvidence | None:
    """The evidence of what stands; None while there is no checked CSV.

    A CSV is written last, after its own checks: where there is one, the rest is there and its own.
    """
    _finish_the_move(run)
    files = (run.submission, run.ensemble, run.evidence)
    return read_oof_evidence(run.evidence) if all(path.is_file() for path in files) else None


def built_beside(run: RunDir, name: str) -> RunDir:
    """The same run with its ensemble elsewhere."""
    return replace(run, shelf=f"{FOLDER}/{name}")


def stands(run: RunDir, built: RunDir) -> bool:
    """Whether that one has taken its place."""
    return run.final.is_symlink() and run.final.resolve() == built.final.resolve()


def take_place(run: RunDir, built: RunDir) -> None:
    """What was built stands from here on; what stood before is deleted."""
    if run.final.is_dir() and not run.final.is_symlink():
        shutil.rmtree(run.path / EARLIER, ignore_errors=True)
        run.final.rename(run.path / EARLIER)
    _link(run, built.shelf)
    for folder in (run.path / FOLDER).iterdir():
        if folder != built.final:
            shutil.rmtree(folder)


def _finish_the_move(run: RunDir) -> None:
    """A kill between the two renames of the first `take_place` leaves no `final`."""
    if not run.final.exists() and (run.path / EARLIER).is_dir():
        _link(run, EARLIER)


def _link(run: RunDir, shelf: str) -> None:
    link = run.final.with_name(f".{run.final.name}")
    link.unlink(missing_ok=True)
    link.symlink_to(shelf)
    link.replace(run.final)
