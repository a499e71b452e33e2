"""Messages about progress. Stations write them to a log, and the command line prints the log.

A program can see them with `logging.getLogger("raytrain").setLevel("INFO")` and a handler.
"""

import logging
import sys

_LOG = logging.getLogger("raytrain")


def say(text: str) -> None:
    """Write a message of one or more lines for the user."""
    _LOG.info("%s", text)


def warn(text: str) -> None:
    """Write a warning. The user should check what it says."""
    _LOG.warning("%s", text)


class _Printed(logging.Handler):
    """Prints messages to the current stdout, and warnings to the current stderr."""

    def __init__(self) -> None:
        super().__init__()
        self.warnings: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < logging.WARNING:
            print(record.getMessage(), flush=True)
        else:
            self.warnings.append(record.getMessage())
            print(f"raytrain: {record.getMessage()}", file=sys.stderr, flush=True)


def prints_messages() -> bool:
    """Return whether this process prints messages. A command does, and a program does not."""
    return any(isinstance(handler, _Printed) for handler in _LOG.handlers)


def shows_details() -> bool:
    """Return whether the user asked for details, such as every epoch of every training."""
    return _LOG.isEnabledFor(logging.DEBUG)


def show_details() -> None:
    """Show details in this process, as the user asked."""
    _LOG.setLevel(logging.DEBUG)


def print_messages() -> list[str]:
    """Print all later messages of this process, and pass them to no other handler; returns the list
    to which warnings are added."""
    _LOG.setLevel(logging.INFO)
    _LOG.propagate = False
    printed = _Printed()
    _LOG.handlers = [printed]
    return printed.warnings


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, such as `1 trial` or `2 passes`."""
    ending = "" if count == 1 else "es" if noun.endswith("s") else "s"
    return f"{count} {noun}{ending}"
