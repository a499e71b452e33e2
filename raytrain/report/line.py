"""The state of the pipeline: which stations have written their files, and when."""

from dataclasses import dataclass

from raytrain.report.facts import RunFacts, written
from raytrain.runs.messages import counted
from raytrain.runs.oof import oof_path


@dataclass(frozen=True)
class Station:
    """One station of the pipeline, with its state."""

    name: str
    done: bool
    detail: str
    when: str
    command: str
    """The command that runs the station, shown while the station is not done."""


def stations(facts: RunFacts) -> list[Station]:
    """Return the stations in the order of the pipeline."""
    run, images = facts.run, counted(len(facts.data.samples), "image")
    return [
        Station("check", True, images, written(run.data_report), "check"),
        _search(facts),
        _cv(facts),
        _finalize(facts),
        _predict(facts),
        Station(
            "encode",
            run.submission.is_file(),
            run.submission.name if run.submission.is_file() else "",
            written(run.submission) if run.submission.is_file() else "",
            "finalize",
        ),
        _submit(facts),
    ]


def masks_are_current(facts: RunFacts) -> bool:
    """Return whether `final/masks` was predicted by the current ensemble."""
    owner = facts.run.masks / "ensemble.txt"
    return (
        facts.ensemble is not None
        and owner.is_file()
        and owner.read_text(encoding="utf-8") == facts.ensemble.fingerprint
    )


def _search(facts: RunFacts) -> Station:
    done = facts.run.searched.is_file()
    stopped = sum(record.status == "stopped" for record in facts.trials)
    detail = counted(len(facts.trials), "trial") if facts.trials else ""
    if stopped:
        detail += f", {stopped} stopped"
    when = written(facts.run.searched) if done else ""
    return Station("search", done, detail, when, "search")


def _cv(facts: RunFacts) -> Station:
    """Return the station `cv`. It is done when the configurations of the last cross-validation have
    maps on all folds."""
    found = facts.cross_validation
    if found is None or facts.folds is None or found.folds != facts.folds.hash:
        return Station("cv", False, "", "", "cv")
    wanted = [oof_path(facts.run, trial) for member in found.members for trial in member]
    there = [path for path in wanted if path.is_file()]
    if len(there) < len(wanted):
        return Station("cv", False, f"{len(there)} of {len(wanted)} maps", "", "cv")
    newest = max(there, key=lambda path: path.stat().st_mtime)
    folds = counted(len(facts.folds.val_ids), "fold")
    detail = f"{counted(len(found.members), 'configuration')} x {folds}"
    return Station("cv", True, detail, written(newest), "cv")


def _finalize(facts: RunFacts) -> Station:
    if facts.ensemble is None:
        return Station("finalize", False, "", "", "finalize")
    detail = counted(len(facts.ensemble.members), "member")
    return Station("finalize", True, detail, written(facts.run.ensemble), "finalize")


def _predict(facts: RunFacts) -> Station:
    ids = facts.data.ids("test")
    paths = [facts.run.masks / f"{id}.png" for id in ids] if masks_are_current(facts) else []
    present = [path for path in paths if path.is_file()]
    if ids and len(present) == len(ids):
        newest = max(present, key=lambda path: path.stat().st_mtime)
        return Station("predict", True, counted(len(ids), "mask"), written(newest), "finalize")
    detail = f"{len(present)} of {len(ids)} masks" if present else ""
    return Station("predict", False, detail, "", "finalize")


def _submit(facts: RunFacts) -> Station:
    if not facts.ledger:
        return Station("submit", False, "", "", "submit")
    last = facts.ledger[-1]
    sent = last["state"] in ("sent", "scored")
    return Station("submit", sent, last["state"], last["time"], "submit")
