"""Objections to sending now, from Kaggle's answers about the rules, the quota and the deadline."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from raytrain.config.competition import SubmissionSpec
from raytrain.submission.answers import Standing

Consent = Literal["again", "late", "unlikely"]
"""What the user agrees to. `again`: to send the same file again. `late`: to send after the
deadline. `unlikely`: to send what is probably not better than the best submission."""


@dataclass(frozen=True)
class Quota:
    """How many submissions Kaggle still accepts, and until when."""

    left_today: int
    used_today: int
    used_ever: int
    resets_at: datetime
    deadline: datetime | None
    rank: int | None
    """Rank on the public leaderboard."""


def quota_of(standing: Standing) -> Quota:
    """Return the quota: how many submissions Kaggle still accepts."""
    return Quota(
        standing.left_now, standing.used_today, standing.used_ever, resets_at(standing.now),
        standing.deadline, standing.rank,
    )  # fmt: skip


def resets_at(now: datetime) -> datetime:
    """Return the time at which the daily quota is reset: 00:00 UTC."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(1)


def next_look(now: datetime) -> timedelta:
    """Return how long to wait before Kaggle is asked again when the quota is used up.

    The wait is at most an hour, because Kaggle does not count a file that it cannot score. In the
    first hour of a day it is only a few minutes: Kaggle may reset the quota late, or its clock may
    be behind.
    """
    left = resets_at(now) - now
    if left > timedelta(hours=23):
        return timedelta(minutes=5)
    return max(timedelta(seconds=1), min(left, timedelta(hours=1)))


def standing_text(standing: Standing, slug: str) -> str:
    """Return what is left of the quota, and until when, in one line."""
    now = standing.now
    parts = [
        f"{standing.left_now} submissions left today, {standing.used_today} used "
        f"(reset at 00:00 UTC, in {_span(resets_at(now) - now)})"
    ]
    if standing.deadline is not None:
        left = standing.deadline - now
        when = f"in {_span(left)}" if left > timedelta(0) else f"{_span(-left)} ago"
        parts.append(f"deadline {standing.deadline:%Y-%m-%d %H:%M} UTC, {when}")
    if standing.rank is not None:
        parts.append(f"rank {standing.rank}")
    return f"{slug}: {'; '.join(parts)}"


def standing_problems(
    standing: Standing, spec: SubmissionSpec, consent: Collection[Consent]
) -> list[str]:
    """Return why Kaggle would refuse the submission or not count it. Each objection has the next
    step."""
    slug = spec.slug
    if standing.closed:
        return [f"{slug} is closed and accepts no more submissions"]
    problems = []
    if not standing.entered:
        problems.append(
            f"the rules of {slug} are not accepted: join at "
            f"https://www.kaggle.com/competitions/{slug}/rules"
        )
    if standing.notebooks_only and spec.notebook is None:
        problems.append(
            f"{slug} accepts only notebooks: save a version of your notebook on Kaggle that writes "
            "the CSV, then set competition.submission.notebook, such as {name: owner/notebook, "
            "version: 1}"
        )
    if not standing.notebooks_only and spec.notebook is not None:
        problems.append(
            f"{slug} accepts files and not notebooks; remove competition.submission.notebook"
        )
    if standing.deadline is not None and standing.now > standing.deadline and "late" not in consent:
        problems.append(
            f"the deadline was {standing.deadline:%Y-%m-%d %H:%M} UTC; a late submission gets "
            "scores but no rank; --yes sends it"
        )
    return problems


def quota_problem(standing: Standing) -> str | None:
    """Return why no more submissions can be sent today, or None."""
    if standing.left_now > 0 or not standing.entered:
        return None
    if standing.limited_by_total:
        return f"your team has used all of its {standing.used_ever} submissions"
    return (
        f"today's {standing.used_today} submissions are used up; the quota is reset at 00:00 UTC, "
        f"in {_span(resets_at(standing.now) - standing.now)}; --queue waits for it"
    )


def _span(time: timedelta) -> str:
    minutes = int(time.total_seconds()) // 60
    if minutes >= 48 * 60:
        return f"{minutes // (24 * 60)} days"
    return f"{minutes // 60} h {minutes % 60} min"
