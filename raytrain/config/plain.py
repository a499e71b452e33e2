"""Text that others wrote, on a console: it is shown as it is, and it controls nothing."""

import re
from typing import Any, TextIO

_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # a terminal's commands, such as colors
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
    r"|[\u2028\u2029\u202a-\u202e\u2066-\u2069]"  # line breaks and changes of direction
)


def plain(text: str) -> str:
    """The text without control characters but line breaks and tabs."""
    return _CONTROL.sub("", text)


class PlainStream:
    """A stream that prints only plain text; everything else is as in the stream under it."""

    def __init__(self, under: TextIO):
        self.under = under

    def write(self, text: str) -> int:
        self.under.write(plain(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.under, name)


def console_of(stream: TextIO, width: int | None = None) -> Any:
    """A rich console in which brackets and colons are no markup. It may move the cursor."""
    from rich.console import Console

    under = stream.under if isinstance(stream, PlainStream) else stream
    return Console(file=under, width=width, markup=False, emoji=False, highlight=False)
