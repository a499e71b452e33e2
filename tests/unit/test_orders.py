"""How Tune asks a search for trials."""

from pathlib import Path
from typing import Any

import pytest

from raytrain.cluster.searcher import Promoted, Proposed
from raytrain.config.search import SearchSpec
from raytrain.runs.history import write_history
from raytrain.search.promotion import Promotion
from tests.runs import ListedSearch
from tests.tiny import task_in


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


def test_the_last_paused_trial_waits_for_those_that_run(tmp_path: Path) -> None:
    tasks = [task_in(tmp_path / "trials" / name) for name in "ab"]
    promotion = Promotion(2, [1], [], [])
    search = ListedSearch(tmp_path, tasks, SearchSpec(), 4)
    searcher = Promoted(search, lambda: 2, promotion)
    assert [searcher.suggest(name) for name in "ab"] == [{"task": t, "known": 0} for t in tasks]
    row = {"epoch": 1, "val_score": 0.5, "val_dice": 0.5}
    write_history(tasks[0].trial_dir.history, [row])
    assert promotion.arrive("a", 1, 0.5) == "pause"
    searcher.on_trial_complete("a")
    assert searcher.suggest("c") is None
    searcher.on_trial_complete("b")
    assert searcher.suggest("c") == {"task": tasks[0], "known": 1}
