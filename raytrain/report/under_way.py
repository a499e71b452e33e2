"""Trainings without a record: their progress, and the time when their last epoch ended."""

from dataclasses import dataclass
from datetime import UTC, datetime

from raytrain.config.duration import duration_text
from raytrain.report.facts import OpenTrial, RunFacts
from raytrain.runs.history import best_row


@dataclass(frozen=True)
class UnderWay:
    """The progress of one training that has not ended, as text."""

    id: str
    name: str
    figures: list[str]
    """Epoch, last and best score, training loss, images/s, and the share of time spent waiting."""
    left: str
    at: str
    """When the last epoch ended, in UTC."""


def rows(facts: RunFacts) -> list[UnderWay]:
    """Return one row per training. The training that was active last comes first."""
    found = sorted(facts.under_way, key=lambda each: (-each.rows[-1]["time"], each.name))
    return [_row(each) for each in found]


def _row(each: OpenTrial) -> UnderWay:
    last, best = each.rows[-1], best_row(each.rows)
    return UnderWay(
        id=each.fingerprint,
        name=each.name,
        figures=[
            f"{last['epoch']}/{each.spec.last_epoch}",
            f"{last['val_score']:.4f}" if "val_score" in last else "",
            f"{best['val_score']:.4f}" if best else "",
            f"{last['train_loss']:.4f}",
            f"{last['samples_per_s']:.0f}",
            f"{100 * last['wait_share']:.0f} %",
        ],
        left=duration_text(last["seconds_left"]),
        at=f"{datetime.fromtimestamp(last['time'], UTC):%Y-%m-%d %H:%M:%S}",
    )
