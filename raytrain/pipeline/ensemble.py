"""`ensemble`: add teammates' maps to the ensemble or remove them, and build the ensemble again."""

from pathlib import Path

from raytrain.engine.run import Run
from raytrain.engine.trial import open_samples
from raytrain.ensemble.teammates import change
from raytrain.metrics.bootstrap import beats
from raytrain.metrics.oof_file import read_oof_evidence
from raytrain.pipeline.run import finish
from raytrain.runs.ensemble import read_ensemble
from raytrain.runs.messages import say


def ensemble(run: Run, add: list[Path], remove: list[str]) -> float | None:
    """Add and remove members, then compute the score, the masks and the CSV.

    Returns the probability that the new ensemble is better than the previous one, 0 .. 1, over
    paired draws of groups; None if the previous ensemble had another metric.
    """
    folder = run.folder
    read_ensemble(folder)
    before = read_oof_evidence(folder.evidence) if folder.evidence.is_file() else None
    for text in change(folder, open_samples(folder), run.folds, add, remove):
        say(text)
    finish(run)
    if before is None or before.metric != run.job.competition.metric:
        return None
    return beats(read_oof_evidence(folder.evidence), before)
