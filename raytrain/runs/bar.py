"""Progress bars on standard error: for commands on a terminal, for programs and for notebooks."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

from raytrain.config.plain import under
from raytrain.runs.messages import prints_messages

Item = TypeVar("Item")


def bar(items: Iterable[Item], title: str, total: int) -> Iterator[Item]:
    """Yield the items, and show how many of them are done. In a log, there is no bar."""
    stream = under(sys.stderr)
    hidden = prints_messages() and not stream.isatty()
    return iter(tqdm(items, title, total, leave=False, file=stream, disable=hidden))


def count_bar(title: str, total: int, unit: str) -> tqdm:
    """Return a bar for things that are counted. It appears at the first refresh. A total of 0 is
    not shown."""
    # tqdm writes plain text, which every notebook shows; rich needs another package there.
    return tqdm(desc=title, total=total, unit=unit, delay=1e-9, file=under(sys.stderr))
