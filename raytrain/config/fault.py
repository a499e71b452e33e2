"""Lines of messages that name one problem each, and keep the parts of their text."""

from collections.abc import Iterable
from pathlib import Path


class Fault(str):
    """`place: text`, or `place: text; remedy`: a line for people that keeps its parts for programs.

    A message is a list of lines. The place of a problem is stored when its line is made, so that no
    code has to find it in the text, where names and paths may contain spaces and colons.
    """

    place: str
    """The file, key or name with the problem."""
    text: str
    """The problem. The remedy follows the last semicolon."""

    def __new__(cls, place: str | Path, text: str) -> "Fault":
        fault = super().__new__(cls, f"{place}: {text}")
        fault.place, fault.text = str(place), text
        return fault

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        # Errors cross processes.
        return self.place, self.text


def faults_of(error: ValueError, places: Iterable[Path]) -> list[str]:
    """Return the lines of an error's message. A line that begins with one of the paths in `places`
    and a colon becomes a Fault with this place."""
    lines: list[str] = []
    known = sorted({str(place) for place in places}, key=len, reverse=True)
    for line in str(error).split("\n"):
        place = next((each for each in known if line.startswith(f"{each}: ")), None)
        lines.append(line if place is None else Fault(place, line.removeprefix(f"{place}: ")))
    return lines
