"""What two processes that submit one file can do next, and what can happen to them.

The rules themselves are the package's: `submission/lease.py`, `append_news` and `Event`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from raytrain.submission import lease
from raytrain.submission.events import Event, Kind
from raytrain.submission.ledger import OvertakenError, append_news

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@cache
def event_of(kind: Kind, age: int) -> Event:
    return Event(
        kind=kind, tag="rt-1", time=NOW - timedelta(minutes=age), competition="c", run="r",
        file="f", sha256="0", rows=1, score=None, members=(),
        ref=1 if kind in ("sent", "scored") else None,
    )  # fmt: skip


LAG = int(lease.LISTING_LAG.total_seconds() // 60)
FLIGHT = int(lease.ENTERING_S // 60)
OLDEST = int((lease.lease_end(event_of("sending", 0)) - NOW).total_seconds() // 60)
"""Minutes after which no rule asks how old an event is."""

MINUTE = "a minute"

At = Literal["off", "read", "listed", "uploaded", "leased", "asked", "entered", "lost", "knows"]
"""Where a process is: not running; with the ledger read; with the list read, too; with the file
uploaded and the list read again; with the lease; its request on the way; its request granted; its
answer lost; with the entry's number."""

ASKS_AGE: set[At] = {"read", "uploaded", "leased"}


class Process(NamedTuple):
    """One `raytrain submit`."""

    at: At = "off"
    kind: Kind = "prepared"
    """Of the event that it has read, or added."""
    age: int = 0
    """Minutes since that event's time by Kaggle's clock."""
    last: bool = True
    """Whether that event is still the tag's last."""
    left: int = 0
    """Minutes in which its request arrives or is lost."""


class State(NamedTuple):
    """The ledger, Kaggle, and two processes."""

    processes: tuple[Process, Process] = (Process(), Process())
    kind: Kind = "prepared"
    """Of the ledger's last event."""
    age: int = 0
    writer: int = 0
    """Which process wrote it."""
    entries: int = 0
    hidden: int = 0
    """Minutes in which Kaggle's list may not show the entry."""
    strays: tuple[int, ...] = ()
    """Requests of processes that wait no longer; minutes in which each arrives or is lost."""


@dataclass(frozen=True)
class Rules:
    """What decides; the defaults are the package's."""

    held: Callable[[Event, datetime], bool] = lease.is_held
    enter_by: Callable[[Event], datetime] = lease.enter_by
    flight: int = FLIGHT
    """Minutes that pass between the last look at the list and the entry, at most."""
    ahead: tuple[int, int] = (0, 0)
    """How far the clock that each process goes by is ahead of Kaggle's, in minutes."""


def steps(state: State, rules: Rules) -> Iterator[tuple[str, State]]:
    """Everything that can happen next."""
    for who in (0, 1):
        for step, following in own_steps(state, who, rules):
            yield f"{'AB'[who]}: {step}", following
        process = state.processes[who]
        if process.at != "off":
            yield f"{'AB'[who]}: killed", _gone(state, who)
    for place, left in enumerate(state.strays):
        rest = state._replace(strays=state.strays[:place] + state.strays[place + 1 :])
        yield "a late request is lost", rest
        yield "a late request arrives", rest._replace(entries=state.entries + 1, hidden=LAG)
        assert left >= 0
    waiting = [p.left for p in state.processes if p.at == "asked"]
    if min([1, *waiting, *state.strays]) > 0:
        yield MINUTE, _minute_later(state)


def own_steps(state: State, who: int, rules: Rules) -> Iterator[tuple[str, State]]:
    """What one process can do, and what Kaggle and the ledger can do to it."""
    me = state.processes[who]
    ahead = timedelta(minutes=rules.ahead[who] - rules.ahead[state.writer])

    def to(at: At, at_state: State = state, **news: object) -> State:
        return _with(at_state, who, me._replace(at=at, **news))

    if me.at == "off":
        if state.kind == "sent":
            yield "start", to("knows", kind="sent", age=0, last=True)
        elif state.kind != "scored":
            yield "start", to("read", kind=state.kind, age=state.age, last=True)
    elif me.at in ("read", "listed", "leased", "lost"):
        if state.entries:
            yield "list, tagged", to("knows")
        if state.entries and not state.hidden:
            return
        event = event_of(me.kind, me.age)
        if me.at == "read":
            yield "list", to("off") if rules.held(event, NOW + ahead) else to("listed")
        elif me.at == "listed":
            yield "upload", to("uploaded", kind="sending", age=0)
        elif me.at == "lost":
            yield "list", to("off")
        elif rules.enter_by(event) >= NOW:
            yield "ask", to("asked", left=rules.flight)
        else:
            yield "too slow", _added(to("off"), who, me, "failed", 0) if me.last else to("off")
    elif me.at == "uploaded":
        if me.last:
            following = _added(to("leased"), who, me, "sending", me.age)
            yield "lease", following
            yield "lease, but its answer is lost", _with(following, who, Process())
        else:
            yield "overtaken", to("knows") if state.kind in ("sent", "scored") else to("off")
    elif me.at == "asked":
        yield "granted", to("entered", state._replace(entries=state.entries + 1, hidden=LAG))
        yield "refused", _added(to("off"), who, me, "failed", 0) if me.last else to("off")
        yield "no answer", to("lost", state._replace(strays=_sorted(*state.strays, me.left)))
    elif me.at == "entered":
        yield "answered", to("knows")
        yield "the answer is lost", to("lost")
    elif me.at == "knows":
        for news in ("sent", "scored"):
            kind = _news(state.kind, news)
            following = to("knows" if news == "sent" else "off")
            step = "write" if news == "sent" else "write the score"
            yield step, _added(following, who, me, kind, 0) if kind != state.kind else following


def _added(state: State, who: int, me: Process, kind: Kind, age: int) -> State:
    """The ledger has a new last event of this process."""
    others = tuple(p if i == who else p._replace(last=False) for i, p in enumerate(state.processes))
    return state._replace(processes=others, kind=kind, age=age, writer=who)


def _gone(state: State, who: int) -> State:
    me = state.processes[who]
    strays = _sorted(*state.strays, *([me.left] if me.at == "asked" else []))
    return _with(state._replace(strays=strays), who, Process())


def _with(state: State, who: int, process: Process) -> State:
    """The state with a process without what no longer matters to it."""
    if process.at not in ASKS_AGE:
        process = process._replace(kind="prepared", age=0)
    if process.at != "asked":
        process = process._replace(left=0)
    if process.at in ("off", "knows"):
        process = Process(process.at)
    one, two = state.processes
    return state._replace(processes=(process, two) if who == 0 else (one, process))


def _minute_later(state: State) -> State:
    one, two = (
        p._replace(
            age=min(OLDEST, p.age + 1) if p.at in ASKS_AGE and p.kind == "sending" else 0,
            left=max(0, p.left - 1),
        )
        for p in state.processes
    )
    age = min(OLDEST, state.age + 1) if state.kind == "sending" else 0
    return state._replace(
        processes=(one, two), age=age, hidden=max(0, state.hidden - 1),
        strays=tuple(left - 1 for left in state.strays),
    )  # fmt: skip


def _sorted(*strays: int) -> tuple[int, ...]:
    return tuple(sorted(strays))


@dataclass
class _Memory:
    """A ledger of the tag's last event."""

    event: Event

    def read(self) -> list[Event]:
        return [self.event]

    def append(self, event: Event) -> None:
        if event.step <= self.event.step:
            raise OvertakenError(event)
        self.event = event

    def keep(self, name: str, content: bytes) -> Path:
        raise NotImplementedError

    kept = keep


@cache
def _news(kind: Kind, news: Kind) -> Kind:
    """The last event's kind after `append_news`."""
    ledger = _Memory(event_of(kind, 0))
    append_news(ledger, event_of(news, 0))
    return ledger.event.kind
