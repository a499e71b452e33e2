"""Estimate from out-of-fold scores alone whether it is worth sending a submission."""

from collections.abc import Collection
from dataclasses import dataclass

from raytrain.config.job import JobSpec
from raytrain.data.report import read_report
from raytrain.metrics.bootstrap import beats
from raytrain.metrics.oof_file import read_oof_evidence
from raytrain.runs.layout import RunDir
from raytrain.submission.change import Change, change
from raytrain.submission.events import Event
from raytrain.submission.ledger import ledger_of
from raytrain.submission.preflight import Consent
from raytrain.submission.table import predicted_masks


@dataclass(frozen=True)
class Worth:
    """The arguments for sending a submission. A figure that is not known is a text with the
    reason."""

    event: Event
    last: Event | None
    """The last submission sent."""
    change: Change | str | None
    """The change from the last submission that was sent; None if nothing was sent."""
    best: Event | None
    """The best submission that was sent, by out-of-fold score."""
    chance: float | str | None
    """Probability that this submission scores higher than the best one that was sent."""

    def lines(self) -> list[str]:
        """Return the arguments for sending as lines for the terminal."""
        score = self.event.score
        assert score is not None
        found = [f"out-of-fold {score.mean:.4f} ({score.low:.4f} .. {score.high:.4f}, 95 %)"]
        if isinstance(self.change, Change):
            share = 100 * self.change.pixels / max(1, self.change.foreground)
            found.append(
                f"{self.change.pixels} px in {self.change.keys} of {self.change.of} masks differ "
                f"from {_word(self.last)}, {share:.2g} % of the {self.change.foreground} px of "
                "foreground"
            )
        elif self.change is not None:
            found.append(f"the change from {_word(self.last)} is unknown: {self.change}")
        if isinstance(self.chance, float):
            found.append(
                f"P(better than {_word(self.best)}, the best one sent) = {self.chance:.2f}, over "
                "paired draws of groups"
            )
        return found

    def problems(self, consent: Collection[Consent]) -> list[str]:
        """Return why the submission is not worth sending, unless the user agreed to send it."""
        if "unlikely" in consent or self.chance is None:
            return []
        if isinstance(self.chance, str):
            return [
                f"cannot compare it with {_word(self.best)}, the best one sent: {self.chance}; "
                "--yes sends it"
            ]
        if isinstance(self.change, Change) and not self.change.pixels:
            return [f"its masks equal those of {_word(self.last)}; --yes sends them again"]
        if self.chance < 0.5:
            return [
                f"its out-of-fold scores are probably not better than those of {_word(self.best)}, "
                f"the best one sent: P(better) = {self.chance:.2f}; --yes sends it"
            ]
        return []


def worth(job: JobSpec, run: RunDir, event: Event, sent: list[Event]) -> Worth:
    """Return how the prepared submission `event` compares with those in `sent`, oldest first."""
    ours = [other for other in sent if other.score is not None and other.tag != event.tag]
    if not ours:
        return Worth(event, None, None, None, None)
    best = max(ours, key=lambda e: e.score.mean if e.score else 0.0)
    return Worth(event, ours[-1], _change(job, run, ours[-1]), best, _chance(job, run, event, best))


def _change(job: JobSpec, run: RunDir, last: Event) -> Change | str:
    report = read_report(run.data_report)
    masks = predicted_masks(run, report)
    spec = job.competition.submission
    try:
        before = ledger_of(job, run).kept(f"{last.tag}.csv")
        return change(before, masks, report.classes, report.target, spec)
    except ValueError as error:
        return str(error)


def _chance(job: JobSpec, run: RunDir, event: Event, best: Event) -> float | str:
    ledger = ledger_of(job, run)
    try:
        one, other = (read_oof_evidence(ledger.kept(f"{each.tag}.npz")) for each in (event, best))
        return beats(one, other)
    except ValueError as error:
        return str(error)


def _word(event: Event | None) -> str:
    assert event is not None
    return f"{event.tag} (ref {event.ref})"
