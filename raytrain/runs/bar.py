"""Progress bars on standard error: for commands on a terminal, for programs and for notebooks."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

from raytrain.config.plain import under
from raytrain.runs.messages import prints_messages

Item = TypeVar("Item")


def bar(items: Iterable[Item], title: str, total: int) -> Iterator[Item]:
    """Yield the items, and show how many of them are done. The log of a command has no bar."""
    stream = under(sys.stderr)
    hidden = prints_messages() and not stream.isatty()
    return iter(tqdm(items, title, total, leave=False, file=stream, disable=hidden))


def epoch_bar(title: str) -> tqdm:
    """Return a bar of epochs. Set its total, then refresh it, to show it."""
    # tqdm writes plain text, which every notebook shows; rich needs another package there. A delay
    # keeps it from showing a total of 0.
    return tqdm(desc=title, total=0, unit="epoch", delay=1e-9, file=under(sys.stderr))
