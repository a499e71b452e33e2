"""Trainings without a record: how far they are, and when their last epoch ended."""

from dataclasses import dataclass

from raytrain.config.duration import duration_text
from raytrain.report.facts import OpenTrial, RunFacts
from raytrain.runs.history import best_row


@dataclass(frozen=True)
class UnderWay:
    """One training, as text."""

    id: str
    name: str
    figures: list[str]
    """Epoch, last and best score, training loss, images/s, and the share of time spent waiting."""
    left: str
    ago: str


def rows(facts: RunFacts, now_s: float) -> list[UnderWay]:
    """Return one row per training, the last active first; `now_s` is in seconds since 1970."""
    found = sorted(facts.under_way, key=lambda each: (-each.rows[-1]["time"], each.name))
    return [_row(each, now_s) for each in found]


def _row(each: OpenTrial, now_s: float) -> UnderWay:
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
        ago=f"{duration_text(max(0.0, now_s - last['time']))} ago",
    )
