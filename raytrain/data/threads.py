"""Parallel work on many samples in threads, with a progress bar."""

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from rich.progress import track

from raytrain.config.plain import console_of

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(title: str, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Return the results in the order of `items`; re-raises the error of the first failing item.

    The bar is on stderr, and is shown only on a terminal.
    """
    console = console_of(sys.stderr)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        watched = track(
            pool.map(work, items), title, len(items), console=console, transient=True,
            disable=not console.is_terminal,
        )  # fmt: skip
        return list(watched)
