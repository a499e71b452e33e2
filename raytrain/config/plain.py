"""Safe console output of texts from elsewhere. They are printed without control codes, and markup
has no effect."""

import re
from typing import Any, TextIO

_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # a terminal's commands, such as colors
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
    r"|[\u2028\u2029\u202a-\u202e\u2066-\u2069]"  # line breaks and changes of direction
)


def plain(text: str) -> str:
    """Return the text without control characters, except line breaks and tabs."""
    return _CONTROL.sub("", text)


class PlainStream:
    """A stream that prints without control characters, and otherwise works like the given
    stream."""

    def __init__(self, under: TextIO):
        self.under = under

    def write(self, text: str) -> int:
        self.under.write(plain(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.under, name)


def under(stream: TextIO) -> TextIO:
    """Return the stream to which a `PlainStream` writes, for safe texts that move the cursor. Any
    other stream is returned itself."""
    return stream.under if isinstance(stream, PlainStream) else stream


def console_of(stream: TextIO, width: int | None = None) -> Any:
    """Return a rich console that prints brackets and colons as text. It may move the cursor."""
    from rich.console import Console

    return Console(file=under(stream), width=width, markup=False, emoji=False, highlight=False)
