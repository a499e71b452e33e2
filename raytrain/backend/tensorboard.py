"""TensorBoard event files, written from the histories: `tensorboard --logdir <run>` shows every
trial under its name.

Only the driver writes them, one file per trial. It starts a file over when the history does not
match what the file holds, or when the file is from an earlier driver. So no step appears twice,
however often a training was interrupted.
"""

import time
from pathlib import Path
from typing import Any

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.summary import hparams

from raytrain.runs.history import Row
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Record, Task
from raytrain.runs.tracked import figures, parameters

PLACES = {
    "train_loss": "loss/train",
    "val_loss": "loss/val",
    "val_score": "score/val_score",
    "val_dice": "score/val_dice",
    "lr": "lr",
    "host_gb": "memory/host_gb",
    "device_gb": "memory/device_gb",
    "samples_per_s": "speed/samples_per_s",
    "wait_share": "speed/wait_share",
    "epoch_seconds": "speed/epoch_seconds",
}
"""Figure of the history -> tag in TensorBoard. Related figures share a group of charts."""


class BoardView:
    """Writes TensorBoard's event files to `<run>/tensorboard/<trial>/`."""

    name = "tensorboard"

    def __init__(self, run: RunDir):
        self._root = run.boards
        self._boards: dict[str, _Board] = {}

    def update(self, task: Task, rows: list[Row]) -> None:
        board = self._boards.get(task.fingerprint)
        if board is None or board.rows != rows[: len(board.rows)]:
            if board is not None:
                board.close()
            board = _Board(self._root, task)
        # A board that fails in the middle of a row is started over.
        self._boards.pop(task.fingerprint, None)
        board.add(rows)
        self._boards[task.fingerprint] = board

    def ended(self, task: Task, record: Record) -> None:
        board = self._boards.pop(task.fingerprint, None)
        if board is not None:
            board.end(record)
            board.close()

    def looked(self) -> None:
        for board in self._boards.values():
            board.flush()

    def close(self) -> None:
        for board in self._boards.values():
            board.close()


class _Board:
    """One trial's event file."""

    def __init__(self, root: Path, task: Task):
        folder = _folder(root, task)
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        self._writer = EventsWriter(str(folder / "events"), f".{task.fingerprint}")
        self._parameters = parameters(task)
        self.rows: list[Row] = []

    def add(self, rows: list[Row]) -> None:
        """Write the rows that the event file does not contain yet."""
        for row in rows[len(self.rows) :]:
            values = [
                Summary.Value(tag=PLACES.get(key, key), simple_value=value)
                for key, value in figures(row).items()
            ]
            self._write(row["time"], row["epoch"], Summary(value=values))
            self.rows.append(row)

    def end(self, record: Record) -> None:
        """Write the hyperparameters and results for TensorBoard's HPARAMS table."""
        best = record.best or record.last or {}
        final = {
            f"final/{key}": best[key] for key in ("val_score", "val_dice", "train_loss")
            if key in best
        }  # fmt: skip
        given: dict[str, Any] = {**self._parameters, "status": record.status}
        at = record.last["time"] if record.last else time.time()
        for summary in hparams(given, final):
            self._write(at, 0, summary)
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in final.items()]
        self._write(at, record.epochs, Summary(value=values))

    def flush(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()

    def _write(self, at: float, step: int, summary: Summary) -> None:
        self._writer.write_event(Event(wall_time=at, step=step, summary=summary))


def _folder(root: Path, task: Task) -> Path:
    """Return the folder for the trial, with the trial's name. The name holds four digits of the
    fingerprint. If another trial has the same name, the folder is named after the whole
    fingerprint."""
    folder = root / task.name.replace("/", "_")
    if all(path.name.endswith(task.fingerprint) for path in folder.glob("*")):
        return folder
    return folder.with_name(f"{folder.name}_{task.fingerprint}")
