"""An agent that knows only llms.txt goes from a raw folder to a checked CSV."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from raytrain.cli import app
from raytrain.data.phantom import PhantomSplit, write_phantom

TEXT = (Path(__file__).parents[2] / "llms.txt").read_text()
WISHES = (
    "trial.augmentation=none", "search.trials=1", "search.space={}", "folds=none",
    "trial.model={name: pixels_forest, trees: 4, leaves: 32, pixels: 500, scales: [1]}",
)  # fmt: skip
"""What its user wants: to be quick."""


def steps() -> list[str]:
    """The first command of each numbered step, except those that only a user may ask for."""
    section = TEXT.partition("## From a folder to a checked CSV\n")[2].partition("\n## ")[0]
    items = [" ".join(item.split()) for item in re.split(r"(?m)^\d\. ", section)[1:]]
    wanted = [item for item in items if not item.startswith("Only if the user asks")]
    return [command[1] for item in wanted if (command := re.search(r"`raytrain ([^`]*)`", item))]


def answer(words: list[str]) -> dict[str, Any]:
    done = CliRunner().invoke(app, words)
    return json.loads(done.stdout)


def unknown_folder(folder: Path) -> Path:
    """The phantom in folders of other names, with a test image that was cut off."""
    write_phantom(folder / "drawn", folder / "truth", PhantomSplit(train=6, val=2, test=2), 0)
    raw = folder / "hearts"
    for path in sorted((folder / "drawn").rglob("*.png")):
        kind = "contours" if path.stem.endswith("_mask") else "Scans"
        place = raw / ("holdout" if "test" in path.parts else f"labelled/{kind}") / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        path.rename(place)
    torn = raw / "holdout" / "ph20.png"
    torn.write_bytes(torn.read_bytes()[:200])
    return raw


def corrected(problems: list[dict[str, str]]) -> None:
    """What a naive agent does about problems of data: it removes the files that are named."""
    assert problems
    for problem in problems:
        assert problem["code"] == "data"
        Path(problem["path"]).unlink()


def test_few_commands_lead_from_an_unknown_folder_to_the_csv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = unknown_folder(tmp_path)
    monkeypatch.chdir(tmp_path)
    job, csv, asked = "", None, []
    for step in steps():
        words = [word.replace("FOLDER", str(raw)).replace("JOB.yaml", job) for word in step.split()]
        if words[0] in ("check", "run"):
            words += [word for wish in WISHES for word in ("--set", wish)]
        asked.append(words[0])
        found = answer(words)
        job = (found["result"] or {}).get("job", job)
        if not found["ok"]:
            corrected(found["problems"])
        elif csv := found["result"].get("csv"):
            break
    assert asked == ["init", "check", "run"]
    assert csv is not None
    assert len(Path(csv).read_text().splitlines()) == 1 + 3 * 3
    assert found["result"]["submission"]["kind"] == "prepared"
    assert found["result"]["low"] <= found["result"]["score"] <= found["result"]["high"]
