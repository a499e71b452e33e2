"""The terminal's table of what was tried for the ensemble."""

import pytest

from raytrain.report.terminal import score_text
from raytrain.runs.ensemble import Candidate, Comparison
from tests.runs import ensemble_of


def test_what_was_tried_is_shown_with_its_groups_and_images() -> None:
    oof = {"metric": "dice", "score": 0.5, "low": 0.4, "high": 0.6, "images": 500}
    member = Candidate(name="a", fingerprint="f", oof=oof)
    rows = [
        Comparison(
            what="step", name="bias", score=0.5, low=0.4, high=0.6, gain=0.1, gain_low=0.0,
            gain_high=0.2, wins=0.95, differing=differing, groups=100, passes=1, kept=False,
        )
        for differing in (7, 2)
    ]  # fmt: skip
    whole = ensemble_of([member], oof, "h", "d", 2)
    for tried, few in ((rows[:1], False), (rows, True)):
        text = score_text(whole.model_copy(update={"comparisons": tuple(tried), "chosen_on": 90}))
        assert (
            "  compared on 90 of 500 labeled images (whole groups with about 30 million pix" in text
        )
        assert "7 of 100" in text
        assert ("2 of 100" in text) == few
        assert ("a change is kept only if at least 6 groups score differently" in text) == few
    text = score_text(whole.model_copy(update={"comparisons": tuple(rows)}))
    assert "compared on" not in text


@pytest.mark.parametrize(
    ("differing", "told"),
    [(0, "not kept; no group's score differs"), (9, "that this comparison detects is 0.0123")],
)
def test_the_smallest_gain_is_said_only_if_something_differed(differing: int, told: str) -> None:
    oof = {"metric": "dice", "score": 0.5, "low": 0.4, "high": 0.6, "images": 500}
    whole = ensemble_of([Candidate(name="a", fingerprint="f", oof=oof)], oof, "h", "d", 2)
    row = Comparison(
        what="self-training", name="s", score=0.5, low=0.4, high=0.6, gain=0.0, gain_low=0.0,
        gain_high=0.0, wins=0.0, differing=differing, groups=100, passes=1, kept=False,
        detectable=0.0123 if differing else 0.0,
    )  # fmt: skip
    assert told in score_text(whole.model_copy(update={"comparisons": (row,)}))
