"""The report page and the live page in a real browser: keys, pointer, contrast, no network."""

import json
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from raytrain.pipeline.watch import RELOAD_S, server
from raytrain.runs.files import write_json
from raytrain.runs.history import append_row
from raytrain.runs.layout import RunDir
from raytrain.runs.search_log import write_present
from raytrain.search.leaderboard import ranked
from tests.e2e.chromium import Tab, chromium
from tests.unit.test_progress import row

LOOKED_AT = Path(__file__).with_name("accessible.js").read_text()
AXE = (files("axe_core_python") / "axe.min.js").read_text("utf-8")
VIOLATED = """axe.run().then(found => found.violations.map(
  rule => `${rule.id}: ${rule.nodes[0].html.slice(0, 80)}`))"""
MEASURED = """(() => {
  const sizes = query => [...document.querySelectorAll(query)]
    .map(one => one.getBoundingClientRect().width);
  return {
    drawn: sizes("figure svg"),
    images: [...document.images].map(image => image.complete && image.naturalWidth),
    loaded: performance.getEntriesByType("resource").map(entry => entry.name)
      .filter(name => !name.startsWith("data:")),
    across: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    paper: getComputedStyle(document.querySelector("section")).backgroundColor,
  };
})()"""
COLUMN = """(name => {
  const at = [...document.querySelectorAll("#leaderboard th")]
    .findIndex(head => head.textContent === name);
  return [...document.querySelectorAll("#leaderboard tbody tr:not([hidden])")]
    .map(row => row.cells[at].textContent);
})"""
FAINT = (
    "Object.assign(document.createElement('style'), { textContent: '.quiet { color: #7c7c7c }' })"
)
FOCUSED = "document.activeElement.textContent.trim() || document.activeElement.id"
READ = "document.getElementById('{}').textContent"
RATES = ["0.003", "0.001", "0.0002", "0.009"]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run that was sent."""
    folder = tmp_path_factory.mktemp("page")
    command = [sys.executable, "-m", "tests.unit.report_run", folder]
    return Path(subprocess.check_output(command, text=True).strip())


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """A tab of Chromium."""
    with chromium(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def live(page: Path) -> Iterator[tuple[RunDir, str]]:
    """The run, and the address of its live page."""
    run = RunDir(page.parent)
    with server(run, 0) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield run, serving.address
        serving.shutdown()
        thread.join()


def violations(tab: Tab) -> list[str]:
    """What axe and the look of our own find; axe does not look at text in drawings."""
    tab.run(AXE)
    return [*tab.run(VIOLATED), *tab.run(LOOKED_AT)]


def column(tab: Tab, name: str) -> list[str]:
    """The visible cells of a column of the leaderboard."""
    found: list[str] = tab.run(f"{COLUMN}({json.dumps(name)})")
    return found


def tab_to(tab: Tab, wanted: str) -> None:
    """Press Tab until the element with this text or id has the focus."""
    for _ in range(200):
        tab.press("Tab")
        if tab.run(FOCUSED) == wanted:
            return
    raise AssertionError(f"no press of Tab leads to {wanted}")


@pytest.mark.parametrize(
    ("width", "scheme", "paper"),
    [(1140, "light", "rgb(255, 255, 255)"), (560, "dark", "rgb(26, 30, 35)")],
)
def test_page_in_a_browser(tab: Tab, page: Path, width: int, scheme: str, paper: str) -> None:
    tab.errors.clear()
    tab.open(page.as_uri(), width, scheme)
    found: dict[str, Any] = tab.run(MEASURED)
    # Two of the ensemble and one of the rungs; parallel coordinates and curves by the script.
    assert len(found["drawn"]) == 3 + 2
    assert all(size > 300 for size in found["drawn"])
    assert len(found["images"]) == 3 * 6 + 2 * 4
    assert all(found["images"])
    assert (found["loaded"], tab.errors) == ([], [])
    assert found["across"] <= 0
    assert found["paper"] == paper
    assert violations(tab) == []
    # The looks find what they are for.
    tab.run(f"document.head.append({FAINT})")
    faults = violations(tab)
    assert any(fault.startswith("color-contrast: ") for fault in faults)
    assert any(fault.startswith("contrast ") for fault in faults)


def test_keys_sort_filter_and_read_the_trials(tab: Tab, page: Path) -> None:
    tab.open(page.as_uri(), 1140, "light")
    assert column(tab, "Rate") == RATES
    tab_to(tab, "filter")
    tab.press("unet8 stopped")
    assert column(tab, "Rate") == ["0.009"]
    assert tab.run("document.getElementById('matching').textContent") == "1 of 4 rows"
    assert tab.run("document.querySelectorAll('figure[data-parallel] path.line').length") == 1
    tab.run("document.getElementById('filter').select()")
    tab.press("unet")
    tab_to(tab, "Rate")
    tab.press("Enter")
    assert column(tab, "Rate") == ["0.0002", "0.001", "0.003", "0.009"]
    tab.press("Enter")
    assert column(tab, "Rate") == ["0.009", "0.003", "0.001", "0.0002"]
    # The drawings: the best trial first, then the next one; back in epochs.
    svg = "figure[data-parallel] svg"
    tab.run(f"document.querySelector('{svg}').focus()")
    tab.press("ArrowDown")
    assert "optimizer.lr 0.003, volume Dice 0.91, finished" in tab.run(
        READ.format("parallel-search")
    )
    tab.press("ArrowDown")
    assert "optimizer.lr 0.001, volume Dice 0.83" in tab.run(READ.format("parallel-search"))
    chosen = "[...document.querySelectorAll('tr.chosen')].map(row => row.cells[3].textContent)"
    assert tab.run(chosen) == ["0.001"]
    tab.run("document.querySelector('figure[data-curves=search] svg').focus()")
    tab.press("ArrowLeft")
    assert ": epoch 4, validation volume Dice 0.83" in tab.run(READ.format("curves-search"))
    tab.press("ArrowLeft")
    assert ": epoch 3, validation volume Dice 0.6225" in tab.run(READ.format("curves-search"))


def test_the_pointer_reads_the_nearest_point(tab: Tab, page: Path) -> None:
    tab.open(page.as_uri(), 1140, "light")
    svg = "document.querySelector('figure[data-curves=search] svg')"
    tab.run(f"{svg}.scrollIntoView({{ behavior: 'instant', block: 'center' }})")
    box = tab.run(f"(({{ left, top, width }}) => [left, top, width])"
                  f"({svg}.getBoundingClientRect())")  # fmt: skip
    left, top, width = box
    # The last epoch of the best trial: the right, upper corner of the figure.
    tab.point(left + width * 0.97, top + width * 0.03)
    assert ": epoch 4, validation volume Dice 0.91" in tab.run(READ.format("curves-search"))
    assert tab.run("document.querySelectorAll('tr.chosen').length") == 1


def test_the_live_page_follows_the_run_and_keeps_what_the_reader_set(
    tab: Tab, live: tuple[RunDir, str]
) -> None:
    run, address = live
    tab.errors.clear()
    tab.open(address, 1140, "light")
    assert tab.run("document.getElementById('running')") is None
    tab_to(tab, "filter")
    tab.press("unet")
    tab_to(tab, "Rate")
    tab.press("Enter")
    records = ranked(run)
    name = "0123456789ab"
    write_present(run, [*(record.fingerprint for record in records), name])
    card = {"spec": records[0].spec.model_dump(mode="json")}
    write_json(run.trial(name).checkpoints / "epoch_0001.json", card)
    append_row(run.trial(name).history, row(1))
    tab.run("reload()")
    assert "unet16x4" in tab.run("document.getElementById('running').textContent")
    assert len(tab.run("data.trials")) == 5
    assert column(tab, "Rate") == ["0.0002", "0.001", "0.003", "0.009"]
    assert tab.run("document.getElementById('filter').value") == "unet"
    assert tab.run(FOCUSED) == "Rate"
    assert violations(tab) == []
    assert tab.errors == []
    assert f"setInterval(reload, {RELOAD_S} * 1000)" in tab.run("document.scripts[1].textContent")


def test_the_command_serves_until_ctrl_c(page: Path) -> None:
    command = [sys.executable, "-m", "raytrain", "watch", str(page.parent), "--port", "0"]
    # A process that a script starts in the background ignores Ctrl-C, and so would its children.
    listening = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, preexec_fn=listening
    ) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[0]
            with urllib.request.urlopen(address, timeout=60) as answer:
                assert "Members of the ensemble" in answer.read().decode()
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()
