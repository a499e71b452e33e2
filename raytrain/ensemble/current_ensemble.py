"""The current ensemble in `final/`, and its replacement by another one in a single step.

A new ensemble is built in its own folder under `ensembles/`. When it is complete, `final` becomes a
link to this folder.
"""

from dataclasses import replace

from raytrain.metrics.oof_file import OofEvidence, read_oof_evidence
from raytrain.runs.known import LINK
from raytrain.runs.layout import RunDir
from raytrain.runs.mirror import forget_folder, remove_folder, send

FOLDER = "ensembles"
EARLIER = f"{FOLDER}/earlier"
"""Folder for the content of `final/` from runs without a budget."""


def current_evidence(run: RunDir) -> OofEvidence | None:
    """Return the evidence of the current ensemble; None while there is no checked CSV.

    The CSV is written last, after its own checks. If it exists, the other files exist and belong to
    it.
    """
    _finish_the_move(run)
    files = (run.submission, run.ensemble, run.evidence)
    return read_oof_evidence(run.evidence) if all(path.is_file() for path in files) else None


def built_beside(run: RunDir, name: str) -> RunDir:
    """Return the same run, whose ensemble is in `ensembles/<name>` instead of `final`."""
    return replace(run, shelf=f"{FOLDER}/{name}")


def is_current(run: RunDir, built: RunDir) -> bool:
    """Return whether `built` is the current ensemble."""
    return run.final.is_symlink() and run.final.resolve() == built.final.resolve()


def make_current(run: RunDir, built: RunDir) -> None:
    """Make `built` the current ensemble, and delete the previous one."""
    if run.final.is_dir() and not run.final.is_symlink():
        remove_folder(run.path / EARLIER)
        run.final.rename(run.path / EARLIER)
        send(run.path / EARLIER)
        forget_folder(run.final)
    send(built.final)
    _link(run, built.shelf)
    send(run.path / f"{run.final.name}{LINK}")
    for folder in (run.path / FOLDER).iterdir():
        if folder != built.final:
            remove_folder(folder)


def _finish_the_move(run: RunDir) -> None:
    """Complete the first `make_current`, if it was killed between its two renames, so that there is
    no `final`."""
    if not run.final.exists() and (run.path / EARLIER).is_dir():
        _link(run, EARLIER)


def _link(run: RunDir, shelf: str) -> None:
    link = run.final.with_name(f".{run.final.name}")
    link.unlink(missing_ok=True)
    try:
        link.symlink_to(shelf)
    except OSError as error:
        raise ValueError(
            f"{link}: no symbolic link can be made here ({error.strerror or error}), but a run "
            "with a budget needs one; set `storage` to another disk, or leave the budget out"
        ) from None
    link.replace(run.final)
