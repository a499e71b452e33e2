"""The requests to a storage for one training on a node are those that docs/how/storage.md shows."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from raytrain.cluster.worker import fetch_inputs
from raytrain.data.report import write_report
from raytrain.engine.saving import Saver
from raytrain.engine.trial import Samples, run_trial
from raytrain.runs.history import Row
from raytrain.runs.layout import RunDir
from raytrain.runs.mirror import fetch, send
from raytrain.runs.record import Task, write_record
from raytrain.runs.store import working_folder
from tests.s3 import Requests
from tests.tiny import make_task

PAGE = Path(__file__).parents[2] / "docs" / "how" / "storage.md"
KINDS = ("PUT", "GET", "LIST", "HEAD", "DELETE")


class _Ledger:
    """Requests since the last look; a trial reports its epochs to it."""

    def __init__(self, requests: Requests):
        self._requests = requests
        self.epochs: list[tuple[int, ...]] = []

    def taken(self) -> tuple[int, ...]:
        counts = Counter(self._requests.counts)
        self._requests.counts.clear()
        return tuple(counts[kind] for kind in KINDS)

    def report(self, row: Row) -> None:
        del row
        self.epochs.append(self.taken())


@pytest.mark.slow
def test_the_table_of_the_page_is_true(
    requests: Requests, samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = dict(_rows(PAGE.read_text("utf-8")))
    # An epoch is reported when it has been sent, so that its requests are counted with it.
    start = Saver.start

    def sent(saver: Saver, write: Callable[[], None], epoch: int, kept: set[int]) -> None:
        start(saver, write, epoch, kept)
        saver.wait()

    monkeypatch.setattr(Saver, "start", sent)
    driver, found = _on("driver", tmp_path, monkeypatch), _Ledger(requests)
    write_report(driver.data_report, samples.report)
    send(driver.path)
    found.taken()
    node = _on("node", tmp_path, monkeypatch)
    task = _task(node, samples, tmp_path)
    fetch_inputs.__wrapped__(node.path)
    assert found.taken() == page["a worker process starts"]
    fetch(task.directory)
    assert found.taken() == page["a training starts"]
    run_trial(task, samples, found)
    assert found.epochs[2:] == 2 * [page["an epoch ends"]]
    assert found.taken() == page["a training ends, its last weights are shipped"]
    driver = _on("driver", tmp_path, monkeypatch)
    task = replace(task, directory=driver.trial("1234").path)
    fetch(task.directory)
    write_record(task, "finished", None)
    assert found.taken() == page["the driver records it"]
    # On another node it goes on from its last epoch.
    again = _on("another", tmp_path, monkeypatch)
    task = _task(again, samples, tmp_path)
    fetch(task.directory)
    found.epochs.clear()
    run_trial(replace(task, spec=task.spec.model_copy(update={"epochs": 5})), samples, found)
    assert len(found.epochs) == 5


def _on(machine: str, folder: Path, patch: pytest.MonkeyPatch) -> RunDir:
    patch.setenv("RAYTRAIN_CACHE", str(folder / machine))
    return RunDir(working_folder("s3://storage/team") / "p" / "default")


def _task(run: RunDir, samples: Samples, folder: Path) -> Task:
    return replace(make_task(folder, samples), directory=run.trial("1234").path)


def _rows(text: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    for line in re.findall(r"^\| (.+) \|$", text, re.MULTILINE):
        name, *numbers = line.split(" | ")
        if len(numbers) == len(KINDS) and all(each.strip().isdigit() for each in numbers):
            yield name, tuple(map(int, numbers))
