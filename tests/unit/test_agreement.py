"""Whether validation foretells the public score: correlations against scipy's, and the figure."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from raytrain.submission.agreement import agreement
from raytrain.submission.events import Event, Score
from tests.support import ledger_in
from tests.unit.report_run import build, page_alone


def entry(number: int, oof: float | None, public: float | None, run: str | None = "first") -> Event:
    score = None if oof is None else Score(mean=oof, low=oof - 0.02, high=oof + 0.01)
    return Event(
        kind="sent" if public is None else "scored", tag=f"rt-{number}",
        time=datetime(2026, 3, 1, tzinfo=UTC), competition="shapes", run=run, file="x.csv",
        sha256="00", rows=4, score=score, members=(), ref=number, public=public,
    )  # fmt: skip


def test_correlations_are_scipys() -> None:
    rng = np.random.default_rng(1)
    oof = np.round(rng.random(12), 1)  # with ties
    public = oof + rng.normal(0, 0.2, 12)
    events = [entry(n, *pair) for n, pair in enumerate(zip(oof, public, strict=True))]
    found = agreement([*events, entry(20, 0.5, None), entry(21, None, 0.9, run=None)])
    assert [point.public for point in found.points] == public.tolist()
    assert found.pearson == pytest.approx(stats.pearsonr(oof, public).statistic)
    assert found.spearman == pytest.approx(stats.spearmanr(oof, public).statistic)
    spearman, pearson = f"{found.spearman:.2f}", f"{found.pearson:.2f}"
    assert found.line == (
        "submissions with an out-of-fold and a public score: 12; correlation: "
        f"Spearman {spearman}, Pearson {pearson}"
    )


def test_by_hand() -> None:
    # Ranks 1 2 3 4 against 1 3 2 4: 1 - 6 * 2 / (4 * 15).
    events = [entry(n, n / 10, public) for n, public in enumerate([0.1, 0.5, 0.4, 0.6])]
    assert agreement(events).spearman == pytest.approx(0.8)
    later = events[0].model_copy(update={"public": 0.9, "step": 1})
    assert agreement([*events, later]).points[0].public == 0.9


@pytest.mark.parametrize(
    "scores", [[], [(0.1, 0.2)], [(0.1, 0.2), (0.2, 0.3)], [(0.1, 0.2), (0.2, 0.2), (0.3, 0.2)]]
)
def test_too_little_gives_no_correlation(scores: list[tuple[float, float]]) -> None:
    found = agreement([entry(n, *pair) for n, pair in enumerate(scores)])
    assert (found.pearson, found.spearman) == (None, None)
    assert f"public score: {len(scores)}; a correlation needs 3" in found.line


def test_the_page_draws_it_from_two_entries_on(tmp_path: Path) -> None:
    run = build(tmp_path, "submit")
    ledger = ledger_in(run)
    title = "Does the out-of-fold score predict the public score?"
    ledger.append(entry(1, 0.8, 0.79))
    assert title not in page_alone(run).read_text()
    ledger.append(entry(2, 0.7, 0.6, run="second"))
    ledger.append(entry(3, 0.75, 0.77, run="second"))
    page = page_alone(run).read_text()
    assert title in page
    assert 'aria-label="Public against out-of-fold score of 3 entries"' in page
    pearson = np.corrcoef([0.8, 0.7, 0.75], [0.79, 0.6, 0.77])[0, 1]
    assert f"public score: 3; correlation: Spearman 1.00, Pearson {pearson:.2f}" in page
