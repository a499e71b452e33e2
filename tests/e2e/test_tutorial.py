"""The tutorial's commands run as they are written, on a network that is too small to learn."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import raytrain
from tests.unit.test_docs import DOCS, ROOT, shown_commands

TINY = ("trial.epochs=1", "trial.model={name: unet, width: 2, depth: 1}")


def test_the_tutorial_leads_to_a_checked_csv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = DOCS / "tutorial.md"
    monkeypatch.chdir(tmp_path)
    shown = list(shown_commands(page))
    draw, pack = (words[1:] for words in shown if words[0] == "python")
    subprocess.run([sys.executable, *draw], check=True, env={"PYTHONPATH": str(ROOT)})
    assert pack == ["-m", "zipfile", "-c", "nuclei.zip", "data/nuclei/*"]
    shutil.make_archive("nuclei", "zip", "data/nuclei")
    printed = ""
    for words in (words[1:] for words in shown if words[0] == "raytrain"):
        if words[0] == "run":
            words += [word for each in TINY for word in ("--set", each)]
        if words[0] != "submit":
            done = raytrain(*words)
            assert done.returncode == 0, done.stdout + done.stderr
            printed += done.stdout
    # What the page shows is what is written.
    [yaml_block] = re.findall(r"(?ms)^```yaml\n(.*?)^```$", page.read_text())
    written = Path("nuclei.yaml").read_text()
    assert [line for line in yaml_block.splitlines() if line not in written] == []
    run = Path("runs/nuclei/default")
    for picture in ("contact_sheet.png", "report.html", "final/submission.csv"):
        assert (run / picture).is_file()
    assert "not sent: set competition.submission.send to true" in printed
