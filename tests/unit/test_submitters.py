"""The protocol of `submit` in every order of events, with faults between any two steps."""

import pytest

from tests.submitters import WEAKER, Rules, explore


def test_no_order_of_events_enters_a_file_twice_or_leaves_the_ledger_wrong() -> None:
    states, broken = explore(Rules())
    assert broken == []
    assert states > 10_000


@pytest.mark.slow
@pytest.mark.parametrize("name", WEAKER)
def test_weaker_rules_are_found_out(name: str) -> None:
    assert explore(WEAKER[name])[1][-1] == "two entries"
