"""Send a training's files to the storage while the next epoch trains."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from raytrain.engine.checkpoint import delete_checkpoints, writing
from raytrain.runs.layout import TrialDir
from raytrain.runs.messages import warn
from raytrain.runs.mirror import send
from raytrain.runs.store import stored_path


class Sender:
    """Sends a training's folder after each epoch. At the end of the block, all is sent.

    A checkpoint may have hundreds of megabytes, and the GPU would wait for them. So a thread sends
    it beside the next epoch's steps. The training calls `wait` before it writes that epoch's
    checkpoint and row, and in a search at once, because a report may end the trial there. If the
    node dies before a checkpoint is sent, another node trains that epoch again.

    Without a storage, there is nothing to send, and `start` deletes the checkpoints that are not
    needed.
    """

    def __init__(self, directory: TrialDir):
        self._directory = directory
        self._thread = ThreadPoolExecutor(1, "sending")
        self._running: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._thread.shutdown()
        try:
            self.wait()
        except OSError as lost:
            if kind is None:
                raise
            warn(str(lost))  # why the training ended is said by its own error

    def start(self, epoch: int, kept: set[int]) -> None:
        """Send the files of an epoch, then delete the checkpoints of all epochs outside `kept`."""
        if stored_path(self._directory.path) is None:
            self._send(epoch, kept)
        else:
            self._running = self._thread.submit(self._send, epoch, kept)

    def wait(self) -> None:
        """Return when the files are sent. Raises OSError when they could not be sent."""
        running, self._running = self._running, None
        if running is not None:
            running.result()

    def _send(self, epoch: int, kept: set[int]) -> None:
        with writing(self._directory.checkpoints, epoch):
            # Another machine could go on from here: only then are the earlier ones not needed.
            send(self._directory.path)
            delete_checkpoints(self._directory.checkpoints, kept)
