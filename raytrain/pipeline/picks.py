"""`picks`: recommend which two of the sent submissions to select as final ones, and why."""

from dataclasses import dataclass, replace

import numpy as np
from rich.table import Table

from raytrain.config.codes import CodedError
from raytrain.config.job import JobSpec
from raytrain.data.report import DataReport, read_report
from raytrain.metrics.oof_file import OofEvidence, read_oof_evidence
from raytrain.report.terminal import as_text
from raytrain.runs.layout import RunDir
from raytrain.submission.agreement import agreement
from raytrain.submission.events import Event, latest
from raytrain.submission.final_picks import Draws, Pair, best_pairs, chosen_by_public, simulate
from raytrain.submission.ledger import Ledger, ledger_of

SHOWN = 3
"""Number of pairs that the table shows."""


@dataclass(frozen=True)
class _Candidate:
    event: Event
    oof: OofEvidence


@dataclass(frozen=True)
class Picks:
    """The sent submissions that can be compared, and pairs of them, best first."""

    submissions: tuple[Event, ...]
    pairs: tuple[Pair, ...]
    """Pairs of submissions, by their positions in `submissions`."""
    left_out: tuple[str, ...]
    """Submissions that cannot be compared, with the reason."""
    agreement: str
    """How well out-of-fold and public scores agree."""
    text: str


def picks(job: JobSpec, run: RunDir, public: float) -> Picks:
    """Return the pair of sent submissions whose better private score is expected to be highest,
    with the reason.

    `public` is the share of the test images that the public score uses. Raises ValueError when the
    data was not checked, or when fewer than two submissions can be compared.
    """
    if not 0 < public < 1:
        raise ValueError(
            f"--public: {public} is not a share; give a number between 0 and 1, such as 0.3"
        )
    if not run.data_report.is_file():
        raise CodedError(
            "missing", f"{run.path}: the data is not checked yet; run `raytrain check` first"
        )
    ledger = ledger_of(job, run)
    events = ledger.read()
    report = read_report(run.data_report)
    candidates, left_out = _candidates(job, ledger, report, events)
    if len(candidates) < 2:
        told = "".join(f"\n  {text}" for text in left_out)
        raise ValueError(
            f"{ledger}: picks need two sent submissions with comparable out-of-fold evidence, but "
            f"the ledger has {len(candidates)}; send another with `raytrain submit`{told}"
        )
    reference, images = candidates[-1].oof, len(report.ids("test"))
    evidences = [candidate.oof.evidence for candidate in candidates]
    draws = simulate(evidences, np.array(reference.groups), reference.metric, images, public)
    ranked, agreed = best_pairs(draws.private_DM, SHOWN), agreement(events).line
    text = [
        *_reason(job, candidates, draws, ranked[0]),
        f"{len(draws.private_DM)} simulated test sets: each draws {draws.groups} labeled "
        f"groups ({images} test images), {draws.public_groups} of them public",
        _table(candidates, ranked),
        *(f"left out: {text}" for text in left_out),
        agreed,
    ]
    sent = tuple(candidate.event for candidate in candidates)
    return Picks(sent, tuple(ranked), tuple(left_out), agreed, "\n".join(text))


def _candidates(
    job: JobSpec, ledger: Ledger, report: DataReport, events: list[Event]
) -> tuple[list[_Candidate], list[str]]:
    """Return the sent submissions that can be compared with the newest one, and the reasons why
    others cannot."""
    found, left_out = [], []
    groups = dict(zip(report.labeled["id"], map(str, report.labeled["group"]), strict=True))
    for tag, event in latest(events).items():
        if event.ref is None or event.kind == "failed":
            left_out.append(f"{tag}: Kaggle has no score for it; its state is {event.kind}")
            continue
        try:
            oof = read_oof_evidence(ledger.kept(f"{tag}.npz"))
        except ValueError as error:
            left_out.append(f"{tag}: {error}")
            continue
        if dict(zip(oof.ids, oof.groups, strict=True)) == groups:
            found.append(_Candidate(event, oof))
        else:
            left_out.append(f"{tag}: its labeled images or groups are not those of run {job.run}")
    if not found:
        return [], left_out
    reference = replace(found[-1].oof, metric=job.competition.metric)
    candidates = []
    for candidate in found:
        try:
            candidates.append(_Candidate(candidate.event, candidate.oof.aligned(reference)))
        except ValueError as error:
            left_out.append(f"{candidate.event.tag}: {error}")
    return candidates, left_out


def _reason(job: JobSpec, candidates: list[_Candidate], draws: Draws, best: Pair) -> list[str]:
    one, other = (candidates[place].event for place in best.places)
    metric = job.competition.metric.label
    means_M = draws.private_DM.mean(0)
    single = int(means_M.argmax())
    related = "-" if best.correlation is None else f"{best.correlation:.2f}"
    slug = job.competition.submission.slug
    where = f"https://www.kaggle.com/competitions/{slug}/submissions" if slug else "Kaggle"
    return [
        f"final picks: {_name(one)} and {_name(other)}; choose them on {where}",
        f"  expected private {metric} of the better of the two {best.expected:.4f}; "
        f"{one.tag} alone {best.means[0]:.4f}, {other.tag} alone {best.means[1]:.4f}",
        f"  correlation of their scores {related}; {one.tag} is better in {best.wins:.0%} of the "
        f"draws, {other.tag} in {1 - best.wins:.0%}",
        f"  gain over the best single submission, {candidates[single].event.tag} "
        f"{means_M[single]:.4f}: {best.expected - means_M[single]:+.4f}; gain over the two best by "
        "public score, "
        f"{chosen_by_public(draws):.4f}: {best.expected - chosen_by_public(draws):+.4f}",
    ]


def _name(event: Event) -> str:
    public = "" if event.public is None else f", public {event.public:.4f}"
    return f"{event.tag} (run {event.run}, ref {event.ref}{public})"


def _table(candidates: list[_Candidate], ranked: list[Pair]) -> str:
    table = Table(title="the best pairs", title_justify="left")
    for column in ("first", "second", "expected better", "first alone", "second alone", "corr."):
        table.add_column(column, no_wrap=True)
    for pair in ranked:
        tags = [candidates[place].event.tag for place in pair.places]
        related = "-" if pair.correlation is None else f"{pair.correlation:.2f}"
        numbers = [f"{value:.4f}" for value in (pair.expected, *pair.means)]
        table.add_row(*tags, *numbers, related)
    return as_text(table)
