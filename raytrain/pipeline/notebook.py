"""`bundle --notebook`: a notebook for competitions in which it predicts a hidden test folder."""

import json
from pathlib import Path
from typing import Any

from raytrain.pipeline.wheels import needed_packages
from raytrain.runs.bundle import Bundle
from raytrain.runs.files import write_bytes

NOTEBOOK, WHEELS = "predict.ipynb", "wheels.txt"
TEXT = """\
# {competition}: {members}

Attach two data sets to this notebook: the bundle, and a folder with `wheels.txt` and the wheels
that it lists. The notebook needs no internet. It writes `submission.csv` for whatever images the
folder holds, with blank rows for unreadable ones, and leaves out members as soon as the time would
not suffice."""
SETTINGS = """\
from pathlib import Path

INPUT = Path("/kaggle/input")
IMAGES = INPUT / {images}  # the test images: a folder or a pattern
LIMIT_H = 9  # hours"""
INSTALL = """\
import subprocess, sys

listed = next(INPUT.rglob("wheels.txt"), None)
if listed is None:
    print("no wheels.txt is attached: the installed packages are used")
else:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--find-links", listed.parent, "--requirement", listed], check=True)"""
PREDICT = """\
from raytrain.pipeline.hidden_test import find_bundle, predict_hidden
from raytrain.runs.messages import print_messages

print_messages()
predict_hidden(IMAGES, find_bundle(INPUT), Path("submission.csv"), LIMIT_H{trust})"""
HEAD = """\
# What {notebook} needs, installed from files alone. Make the folder to attach beside this file:
#   pip wheel --no-deps --wheel-dir wheels FOLDER_OF_RAYTRAIN
#   pip download --no-deps --dest wheels --find-links wheels --requirement {wheels}
#   cp {wheels} wheels
# Remove the lines of packages that the notebook's own image should provide, such as torch.
"""


UNKNOWN = "NAME THE FOLDER OF THE TEST IMAGES"
"""What the notebook has for the test images if they share a folder with labeled images."""
MARKS = {NOTEBOOK: "raytrain.pipeline.hidden_test", WHEELS: HEAD.split("{")[0]}
"""Name of each file that `write_notebook` writes -> a text that it contains."""


def write_notebook(bundle: Bundle, folder: Path) -> list[Path]:
    """Write the notebook and the list of its packages into a folder; returns their paths."""
    slug = bundle.submission.slug if bundle.submission else None
    images = [slug or bundle.competition, bundle.tests or UNKNOWN]
    own = any(name.startswith("extend/") for name in bundle.files)
    texts = [
        SETTINGS.format(images=" / ".join(map(json.dumps, images))),
        INSTALL,
        PREDICT.format(trust=", trust=True" * own),
    ]
    members = " + ".join(f"{each.weight} x {each.name}" for each in bundle.members)
    title = TEXT.format(competition=bundle.competition, members=members)
    cells: list[dict[str, Any]] = [
        {"cell_type": "markdown", "id": "about", "metadata": {}, "source": title}
    ]
    cells += [
        {
            "cell_type": "code", "id": f"step{number}", "metadata": {}, "source": text,
            "execution_count": None, "outputs": [],
        }
        for number, text in enumerate(texts, 1)
    ]  # fmt: skip
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    tree = {
        "nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": cells,
    }  # fmt: skip
    wheels = HEAD.format(notebook=NOTEBOOK, wheels=WHEELS)
    wheels += "".join(f"{line}\n" for line in needed_packages("raytrain.pipeline.hidden_test"))
    write_bytes(folder / NOTEBOOK, json.dumps(tree, indent=1).encode())
    write_bytes(folder / WHEELS, wheels.encode())
    return [folder / NOTEBOOK, folder / WHEELS]
