"""Shows that work goes on while there are no steps to count."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from raytrain.config.plain import console_of


@contextmanager
def working(title: str) -> Iterator[None]:
    """Show `title` on stderr during the block, if stderr is a terminal."""
    console = console_of(sys.stderr)
    if not console.is_terminal:
        yield
        return
    with console.status(title) as shown:
        shown.update(spinner="dots")  # draws it now, and not with the next turn of the spinner
        yield
