"""A sign of life during work that has no steps to count."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from raytrain.config.plain import console_of


@contextmanager
def working(title: str) -> Iterator[None]:
    """Show what is done during the block, on stderr, and only on a terminal."""
    console = console_of(sys.stderr)
    if not console.is_terminal:
        yield
        return
    with console.status(title) as shown:
        shown.update(spinner="dots")  # draws it now, and not with the next turn of the spinner
        yield
