"""The report page in a real browser: it renders, sorts, fits and loads nothing."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--enable-logging=stderr", "--log-level=0",
)  # fmt: skip
PROBE = """
<script>
const column = name => [...document.querySelectorAll("#leaderboard th")]
  .findIndex(head => head.textContent === name);
const cells = at => [...document.querySelectorAll("#leaderboard tbody tr")]
  .map(row => row.cells[at].textContent);
const rate = column("Rate"), before = cells(rate);
const click = () => document.querySelectorAll("#leaderboard th button")[rate].click();
click(); const up = cells(rate); click(); const down = cells(rate);
const sizes = query => [...document.querySelectorAll(query)]
  .map(one => one.getBoundingClientRect().width);
const found = {
  before, up, down, svg: sizes("figure svg"),
  images: [...document.images].map(image => image.complete && image.naturalWidth),
  loaded: performance.getEntriesByType("resource").map(entry => entry.name)
    .filter(name => !name.startsWith("data:")),
  across: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  paper: getComputedStyle(document.querySelector("section")).backgroundColor,
  line: getComputedStyle(document.querySelector("figure svg text")).fill,
};
document.body.setAttribute("data-found", JSON.stringify(found));
</script>
"""


@pytest.fixture(scope="module")
def browser() -> str:
    """A Chromium of this machine."""
    found = [path for path in map(shutil.which, NAMES) if path]
    assert found, f"none of {', '.join(NAMES)} is installed: apt-get install chromium"
    return found[0]


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """The page of a run that was sent, with a probe at its end that clicks and measures."""
    folder = tmp_path_factory.mktemp("page")
    command = [sys.executable, "-m", "tests.unit.report_run", folder]
    path = Path(subprocess.check_output(command, text=True).strip())
    probed = path.with_name("probed.html")
    probed.write_text(path.read_text(encoding="utf-8").replace("</body>", PROBE + "</body>"))
    return probed


@pytest.mark.parametrize(
    ("width", "scheme", "paper", "ink"),
    [
        (1140, 1, "rgb(255, 255, 255)", "rgb(102, 112, 121)"),
        (560, 0, "rgb(26, 30, 35)", "rgb(152, 162, 173)"),
    ],
    ids=["wide-light", "narrow-dark"],
)
def test_page_in_a_browser(browser, page, tmp_path, width, scheme, paper, ink):
    done = subprocess.run(
        [
            browser, *FLAGS, f"--user-data-dir={tmp_path}", f"--window-size={width},1200",
            f"--blink-settings=preferredColorScheme={scheme}", "--dump-dom", page.as_uri(),
        ],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    noise = [line for line in done.stderr.splitlines() if "CONSOLE" in line or "net::ERR" in line]
    assert noise == []
    dumped = re.search(r'data-found="([^"]*)"', done.stdout)
    assert dumped, done.stdout[-2000:]
    found = json.loads(dumped[1].replace("&quot;", '"'))
    assert found["before"] == ["0.003", "0.001", "0.0002", "0.009"]
    assert found["up"] == ["0.0002", "0.001", "0.003", "0.009"]
    assert found["down"] == found["up"][::-1]
    assert len(found["svg"]) == 6
    assert all(size > 300 for size in found["svg"])
    assert len(found["images"]) == 3 * 6 + 2 * 4
    assert all(found["images"])
    assert found["loaded"] == []
    assert found["across"] <= 0
    assert (found["paper"], found["line"]) == (paper, ink)
