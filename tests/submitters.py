"""Every way in which two processes can submit one file: an explicit search over all states.

`python -m tests.submitters` prints how many states were visited and that the invariants hold, then
what goes wrong under weaker rules. Between any two steps a process may be killed, minutes may pass,
and the other process may go on. Requests to Kaggle are late, lost or answered in vain, its list
hides a new entry for a while, a ledger's answer may be lost or doubled, clocks may be wrong. The
number of kills, pauses and new starts has no bound, since a state holds ages and no times.
"""

import itertools
import time
from collections import deque
from datetime import datetime, timedelta

from raytrain.submission import lease
from raytrain.submission.events import Event
from tests.submit_steps import MINUTE, OLDEST, Rules, State, own_steps, steps


def _five_minutes(event: Event, now: datetime) -> bool:
    return event.kind == "sending" and now - event.time < timedelta(minutes=5)


def _ever(event: Event) -> datetime:
    return event.time + timedelta(days=1)


WEAKER = {
    "five minutes, and the upload of up to 15 after the look": Rules(
        _five_minutes, _ever, flight=15
    ),
    "five minutes, and a clock 6 minutes behind": Rules(_five_minutes, ahead=(-6, 0)),
    "our own clocks, one of them 9 minutes behind": Rules(ahead=(-9, 0)),
    "a process that sleeps under its lease enters late": Rules(enter_by=_ever),
    "a lease that does not count how long the list lags": Rules(
        lambda event, now: lease.is_held(event, now + lease.LISTING_LAG)
    ),
}
"""Rules that enter a file twice; the first two are those of an earlier version."""


def explore(rules: Rules) -> tuple[int, list[str]]:
    """States visited, and the steps to the first one that breaks an invariant, none if none does.

    Invariants: at most one entry; the ledger says `sent` only of an entry; it never takes that
    back; and once all is quiet, one more `submit` leaves the ledger and Kaggle agreed on one entry.
    """
    before: dict[State, tuple[State, str] | None] = {State(): None}
    todo = deque([State()])
    while todo:
        state, found = todo.popleft(), None
        for step, following in steps(state, rules):
            if following not in before:
                before[following] = (state, step)
                todo.append(following)
                found = found or _broken(state, following, rules)
                if found:
                    return len(before), [*_path(before, following), found]
    return len(before), []


def _broken(before: State, state: State, rules: Rules) -> str | None:
    known = state.kind in ("sent", "scored")
    if state.entries > 1:
        return "two entries"
    if known and not state.entries:
        return "the ledger says sent, and there is no entry"
    if before.kind in ("sent", "scored") and not known:
        return f"the ledger says {state.kind} after {before.kind}"
    quiet = all(p.at == "off" for p in state.processes) and not (state.strays or state.hidden)
    over = state.kind != "sending" or state.age == OLDEST
    if quiet and over and not known and not _ends_true(state, rules):
        return "one more submit does not make the ledger true"
    return None


def _ends_true(state: State, rules: Rules) -> bool:
    """Let the second process run to its end, with nothing going wrong."""
    while state.kind != "sent":
        steps = dict(own_steps(state, 1, rules))
        good = [s for s in ("start", "list", "list, tagged", "upload", "lease", "ask", "granted",
                            "answered", "write") if s in steps]  # fmt: skip
        if not good:
            return False
        state = steps[good[-1] if "list, tagged" in good and state.entries else good[0]]
    return state.entries == 1


def _path(before: dict[State, tuple[State, str] | None], state: State) -> list[str]:
    steps: list[str] = []
    while (came := before[state]) is not None:
        state, step = came
        steps.append(step)
    runs = [(step, len([*same])) for step, same in itertools.groupby(reversed(steps))]
    return [f"{count} min" if step == MINUTE else step for step, count in runs]


def main() -> None:
    """Print what was visited, what holds, and what weaker rules let through."""
    start = time.perf_counter()
    states, broken = explore(Rules())
    print(f"{states} states in {time.perf_counter() - start:.1f} s: ", end="")
    print(" / ".join(broken) or "at most one entry; the ledger ends true, and takes nothing back")
    for name, rules in WEAKER.items():
        states, broken = explore(rules)
        print(f"\n{name} ({states} states):\n  " + " / ".join(broken or ["nothing found"]))


if __name__ == "__main__":
    main()
