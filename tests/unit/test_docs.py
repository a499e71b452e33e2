"""What README and the pages under docs/ point to and show exists, and means what it shows."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from raytrain.cli import app
from raytrain.cli.app import every_command
from raytrain.config.job import JobSpec
from raytrain.config.load import load_job
from raytrain.config.own import extend_by
from raytrain.config.predict import PredictSpec
from raytrain.config.trial import TrialSpec

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TOP = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "AGENTS.md", "CHANGELOG.md")]
PAGES = [*TOP, *sorted(DOCS.rglob("*.md"))]
COMMANDS = every_command(get_command(app))
HOLDERS = {"trial": TrialSpec, "predict": PredictSpec, "competition": None}
"""Parts of a job whose fields a page may show alone; `competition` has the rest."""
CLASSES = ("background", "scratch", "left ventricle", "myocardium", "vehicle")
"""Classes that the pages name in parts of a job."""

every_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: str(page.relative_to(ROOT)).removesuffix(".md")
)


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a page that are marked with this language, or with none."""
    found = re.findall(r"(?ms)^```(\w*)\n(.*?)^```$", page.read_text())
    return [text for word, text in found if word == language]


def shown_commands(page: Path) -> Iterator[list[str]]:
    """Yield the words of each command line in the blocks of a page."""
    for block in blocks(page, ""):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.partition(" | ")[0], comments=True)
            if words and words[0] in ("raytrain", ".venv/bin/raytrain", "make", "python"):
                yield [words[0].removeprefix(".venv/bin/"), *words[1:]]


def named(words: list[str]) -> str:
    """Return the command that a line names with its first word or two."""
    group = [name for name in COMMANDS if name.startswith(f"{words[0]} ")]
    return next(name for name in (" ".join(words[:2]), words[0], *group) if name in COMMANDS)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text())
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


@every_page
def test_links_lead_to_files_and_headings_of_the_repository(page: Path) -> None:
    dead = []
    for path, _, anchor in (
        link.partition("#") for link in re.findall(r"\]\(([^)]+)\)", page.read_text())
    ):
        target = page.parent / path if path else page
        if "://" not in path and (
            not target.exists() or (anchor and anchor not in anchors(target))
        ):
            dead.append(f"{path}#{anchor}")
    assert dead == []


@every_page
def test_command_lines_that_are_shown_are_accepted(page: Path, tmp_path: Path) -> None:
    for words in shown_commands(page):
        if words[0] == "make":
            assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text(), words
        elif words[0] == "python":
            assert words[1] == "-m"
            assert importlib.util.find_spec(words[2]), words
        else:
            name = named(words[1:])
            rest = words[1 + len(name.split()) :]
            given = COMMANDS[name].make_context(name, rest).params
            load_part({}, tmp_path, given.get("set") or [])


@every_page
def test_commands_that_are_named_in_a_sentence_exist(page: Path, tmp_path: Path) -> None:
    text = re.sub(r"(?ms)^```.*?^```$", "", page.read_text())
    for line in re.findall(r"`raytrain ([a-z][^`]*)`", text):
        commands = [named(line.split())]
        if re.match("launch [a-z]", line):  # it takes the options of another command, too
            commands.append(named(line.split()[1:]))
        options = {w for name in commands for each in COMMANDS[name].params for w in each.opts}
        assert set(re.findall(r"(?<!\S)--[a-z-]+", line)) <= options, line
    for override in re.findall(r"`--set ([^`]+)`", text):
        load_part({}, tmp_path, [override])


def load_part(tree: dict[str, Any], folder: Path, overrides: list[str]) -> JobSpec:
    """Load a job that has this part, and what every job needs."""
    needed = {"data": "data", "classes": [*CLASSES]}
    tree = tree | {"competition": needed | tree.get("competition", {})}
    (folder / "job.yaml").write_text(yaml.safe_dump(tree))
    return load_job(folder / "job.yaml", overrides)


def parts_of(block: str) -> list[dict[str, Any]]:
    """Return the jobs that a block shows: a key that comes a second time begins another job.

    A field of `trial` or `predict` that stands alone is put there, any other into `competition`.
    """
    jobs: list[dict[str, Any]] = [{}]
    for entry in re.findall(r"(?m)^[a-z_]+:.*\n(?:[ #].*\n|\n)*", block):
        [(key, value)] = yaml.safe_load(entry).items()
        if key not in JobSpec.model_fields and key != "profiles":
            holder = next(
                name for name, spec in HOLDERS.items() if spec is None or key in spec.model_fields
            )
            key, value = holder, {key: value}
        if key in jobs[-1]:
            jobs.append({})
        jobs[-1][key] = value
    return jobs


@every_page
def test_yaml_that_is_shown_is_part_of_a_job(page: Path, tmp_path: Path) -> None:
    (tmp_path / "own_parts.py").write_text((ROOT / "jobs" / "own_parts.py").read_text())
    (tmp_path / "parts.py").write_text("\n".join(blocks(page, "python")))
    try:
        for block in blocks(page, "yaml"):
            for tree in parts_of(block):
                load_part(tree, tmp_path, [])
    finally:
        extend_by(())


def test_readme_is_short_and_leads_to_every_page_by_one_more() -> None:
    assert len(TOP[0].read_text().splitlines()) < 120
    links = re.findall(r"\]\(([^)#]+)\)", TOP[0].read_text())
    assert {page.name for page in TOP[1:]} | {"docs/README.md"} <= {*links}
    pages = {str(page.relative_to(DOCS)) for page in PAGES[len(TOP) :]} - {"README.md"}
    assert pages <= {*re.findall(r"\]\(([^)#]+)\)", (DOCS / "README.md").read_text())}


def test_files_that_contributors_are_sent_to_exist() -> None:
    named = re.findall(r"`((?:\w+/)+[\w.]+\.\w+)`", (ROOT / "CONTRIBUTING.md").read_text())
    assert named
    assert [
        path
        for path in named
        if not any((top / path).exists() for top in (ROOT, ROOT / "raytrain"))
    ] == []
