"""Who goes on from a rung: against hand-worked orders and a plain reading of the algorithm."""

import random

import pytest

from raytrain.config.schedulers import AshaSpec, MedianSpec, PromoteSpec
from raytrain.runs.search_log import RungEvent, settled
from raytrain.search.promotion import Promotion


def event(trial: str, epoch: int, score: float, decision: str) -> RungEvent:
    return RungEvent.model_validate(
        {"trial": trial, "name": trial, "epoch": epoch, "val_dice": score, "val_score": score,
         "decision": decision}
    )  # fmt: skip


def test_a_first_trial_waits_and_the_better_of_two_goes_on() -> None:
    promotion = Promotion(2, [1, 2, 4], [], [])
    assert promotion.arrive("a", 1, 0.5) == "pause"  # one trial: the top half of it is nobody
    assert promotion.ready() is None
    assert promotion.arrive("b", 1, 0.4) == "pause"
    assert promotion.ready() == (1, "a")
    promotion.go_on("a", 1)
    assert promotion.ready() is None
    assert promotion.arrive("c", 1, 0.9) == "go on"  # the best of three
    assert promotion.arrive("d", 1, 0.8) == "go on"  # among the two best of four
    assert promotion.arrive("e", 1, 0.7) == "pause"
    assert promotion.ready() is None
    assert promotion.arrive("f", 1, 0.6) == "pause"  # e comes before it
    assert promotion.ready() == (1, "e")


def test_the_best_arrival_goes_on_at_once() -> None:
    promotion = Promotion(2, [1], [], [])
    promotion.arrive("a", 1, 0.5)
    assert promotion.arrive("b", 1, 0.6) == "go on"
    assert promotion.decided("b", 1) == "go on"
    assert promotion.decided("a", 1) == "pause"
    assert promotion.decided("c", 1) is None


def test_a_higher_rung_comes_first() -> None:
    promotion = Promotion(2, [1, 2], [], [])
    for trial, score in (("a", 0.1), ("b", 0.2), ("c", 0.3), ("d", 0.4)):
        if promotion.arrive(trial, 1, score) == "pause" and promotion.ready():
            rung, ready = promotion.ready() or (0, "")
            promotion.go_on(ready, rung)
    assert promotion.arrive("d", 2, 0.4) == "pause"
    promotion.arrive("e", 1, 0.9)
    assert promotion.arrive("c", 2, 0.35) == "pause"
    assert promotion.ready() == (2, "d")


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("places", [1, 2, 5])
@pytest.mark.parametrize("factor", [2, 3])
def test_a_whole_search_is_that_of_the_paper_and_ends_with_one_that_ran_to_its_end(
    seed: int, places: int, factor: int
) -> None:
    """Simulated: each trial's score at a rung is drawn; the free place takes the next job."""
    rng = random.Random(seed)
    rungs, end, fresh = [1, 2, 4], 8, [f"t{number}" for number in range(17)]
    promotion, events = Promotion(factor, rungs, [], []), []
    running: list[tuple[str, int]] = []
    finished: set[str] = set()
    scores: dict[int, dict[str, float]] = {rung: {} for rung in rungs}
    while True:
        while len(running) < places:
            found = promotion.ready()
            assert found == _by_the_paper(scores, events, factor)
            if found is None and not fresh and not running:
                found = promotion.last()
            if found is not None:
                rung, trial = found
                promotion.go_on(trial, rung)
                events.append(event(trial, rung, scores[rung][trial], "go on"))
                running.append((trial, rung))
            elif fresh:
                running.append((fresh.pop(0), 0))
            else:
                break
        if not running:
            break
        trial, at = running.pop(rng.randrange(len(running)))
        following = next((rung for rung in rungs if rung > at), end)
        if following == end:
            finished.add(trial)
            continue
        score = rng.random()
        scores[following][trial] = score
        decision = promotion.arrive(trial, following, score)
        events.append(event(trial, following, score, decision))
        if decision == "go on":
            running.append((trial, following))
        # A driver that was killed here knows the same from the events.
        again = Promotion(factor, rungs, events, [])
        assert again.ready() == promotion.ready()
        assert again.waiting() == promotion.waiting()
    assert finished
    assert len(scores[1]) == 17
    # Nobody better was left behind at the last decision of a rung than the worst that went on,
    # but for those that were let go on when less was known.
    assert len(scores[2]) >= 17 // factor
    last = {(e.trial, e.epoch): e.decision for e in settled(events)}
    top = sorted(scores[1], key=lambda name: -scores[1][name])[: 17 // factor]
    assert all(last[name, 1] == "go on" for name in top)


def _by_the_paper(
    scores: dict[int, dict[str, float]], events: list[RungEvent], factor: int
) -> tuple[int, str] | None:
    """Algorithm 2 of Li et al. 2020, get_job's promotable part, from scratch."""
    gone = {(e.epoch, e.trial) for e in events if e.decision == "go on"}
    for rung in sorted(scores, reverse=True):
        ranking = sorted(scores[rung].items(), key=lambda item: (-item[1], item[0]))
        for trial, _ in ranking[: len(ranking) // factor]:
            if (rung, trial) not in gone:
                return rung, trial
    return None


def test_what_was_stopped_goes_on_when_a_longer_search_puts_it_among_the_best() -> None:
    # Two of four go on, b is stopped at the end; of six the best three go on.
    scores = {"a": 0.9, "b": 0.6, "c": 0.7, "d": 0.1}
    events = [event(trial, 1, score, "pause") for trial, score in scores.items()]
    events += [event(trial, 1, scores[trial], "go on") for trial in ("a", "c")]
    events += [event(trial, 1, scores[trial], "stop") for trial in ("b", "d")]
    promotion = Promotion(2, [1], events, ["a", "c"])
    assert promotion.ready() is None
    assert promotion.arrive("e", 1, 0.2) == "pause"
    assert promotion.ready() is None
    assert promotion.arrive("f", 1, 0.3) == "pause"
    assert promotion.ready() == (1, "b")
    promotion.go_on("b", 1)
    assert promotion.waiting() == [(1, "f"), (1, "e"), (1, "d")]


def test_finished_trials_count_but_do_not_return() -> None:
    events = [event("a", 1, 0.9, "pause"), event("b", 1, 0.8, "pause"), event("c", 1, 0.7, "pause")]
    events.append(event("d", 1, 0.1, "pause"))
    promotion = Promotion(2, [1], events, ["a"])
    assert promotion.ready() == (1, "b")
    promotion.go_on("b", 1)
    assert promotion.ready() is None
    assert promotion.waiting() == [(1, "c"), (1, "d")]
    assert promotion.last() is None


def test_rungs_and_their_defaults() -> None:
    assert AshaSpec().rungs(10) == [1, 2, 4, 8]
    assert PromoteSpec(grace=3, factor=3).rungs(27) == [3, 9]
    assert MedianSpec().rungs(10) == []
