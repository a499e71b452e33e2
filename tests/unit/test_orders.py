"""How Tune asks a search for trials."""

from pathlib import Path
from typing import Any

import pytest

from raytrain.cluster.searcher import Proposed
from raytrain.config.search import SearchSpec
from tests.runs import ListedSearch


@pytest.mark.parametrize(("places", "at_once"), [(0, 1), (1, 1), (3, 3)])
def test_a_patient_search_asks_for_what_there_is_room_for_and_at_least_for_one(
    tmp_path: Path, places: int, at_once: int
) -> None:
    task: Any = object()
    spec = SearchSpec.model_validate({"sampler": {"name": "tpe"}})
    searcher = Proposed(ListedSearch(tmp_path, [task] * 9, spec, 4), lambda: places)
    found = [searcher.suggest(str(number)) for number in range(5)]
    assert found == [{"task": task, "known": 0}] * at_once + [None] * (5 - at_once)
    searcher.on_trial_complete("0")
    assert searcher.suggest("5") == {"task": task, "known": 0}
