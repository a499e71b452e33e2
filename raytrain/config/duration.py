"""Lengths of time as people write them: `90s`, `45m`, `2h`, `1h30m`, `1.5d`."""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PART = r"\d+(?:\.\d+)?[smhd]"


def seconds_of(text: str) -> float:
    """Return the length of time in seconds.

    Raises ValueError, with an example, if `text` is not a length of time above 0.
    """
    words = text.replace(" ", "").lower()
    if not re.fullmatch(f"(?:{_PART})+", words):
        unit = "; a number needs a unit" if re.fullmatch(r"[\d.]+", words) else ""
        raise ValueError(f"{text!r} is not a duration{unit}: write 90s, 45m, 2h or 1h30m")
    parts = re.findall(_PART, words)
    units = [part[-1] for part in parts]
    if len(set(units)) < len(units):
        raise ValueError(f"{text!r} names a unit twice: write 90s, 45m, 2h or 1h30m")
    seconds = sum(float(part[:-1]) * _SECONDS[part[-1]] for part in parts)
    if not seconds:
        raise ValueError(f"{text!r} is an empty duration: write 90s, 45m, 2h or 1h30m")
    return seconds


def duration_text(seconds: float) -> str:
    """Return a length of time as a short text, such as `1.5 h`, `12 min` or `40 s`."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds:.0f} s"


def estimated(word: Literal["about", "at most"], seconds: float) -> str:
    """Return an estimate as text, such as `at most 12 min`; below 60 s, `under a minute`."""
    return f"{word} {duration_text(seconds)}" if seconds >= 60 else "under a minute"


def _checked(value: Any) -> str:
    seconds_of(str(value))
    return str(value)


Duration = Annotated[str, BeforeValidator(_checked)]
"""A valid duration as text, such as `1h30m`."""
