"""An action that a thread of this process repeats while a block runs."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def repeated(action: Callable[[], None], every_s: float, name: str) -> Iterator[None]:
    """Call `action` every `every_s` seconds until the block ends, in a thread with the name `name`.

    An exception in `action` ends the repetition, but not the block.
    """
    done = threading.Event()

    def repeat() -> None:
        while not done.wait(every_s):
            action()

    thread = threading.Thread(target=repeat, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
