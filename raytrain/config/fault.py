"""A line of a message that names one problem, and remembers its parts."""

from collections.abc import Iterable
from pathlib import Path


class Fault(str):
    """`place: text`, or `place: text; remedy`: what people read, with the parts that programs read.

    A message is a list of lines. Where the place is known when a line is made, it is kept, so that
    nobody has to find it in the line again: names and paths may hold spaces and colons.
    """

    place: str
    """The file, key or name."""
    text: str
    """The problem and, after the last semicolon, the remedy."""

    def __new__(cls, place: str | Path, text: str) -> "Fault":
        fault = super().__new__(cls, f"{place}: {text}")
        fault.place, fault.text = str(place), text
        return fault

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        # Errors cross processes.
        return self.place, self.text


def faults_of(error: ValueError, places: Iterable[Path]) -> list[str]:
    """Return the lines of an error; a line that begins with one of these places is a Fault."""
    lines: list[str] = []
    known = sorted({str(place) for place in places}, key=len, reverse=True)
    for line in str(error).split("\n"):
        place = next((each for each in known if line.startswith(f"{each}: ")), None)
        lines.append(line if place is None else Fault(place, line.removeprefix(f"{place}: ")))
    return lines
