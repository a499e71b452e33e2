"""What agents read is up to date, and what all pages say about commands is true."""

import re
from pathlib import Path

import pytest

from tests.agents import COMMANDS, files, usage

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "AGENTS.md", "llms.txt")),
    ROOT / "skills" / "raytrain" / "SKILL.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
FENCED = re.compile(r"```\w*\n(.*?)```", re.DOTALL)
IN_BLOCK = re.compile(r"(?m)^\s*(?:\.venv/bin/)?raytrain +([a-z]+)((?:\\\n|[^\n|#;])*)")
IN_TEXT = re.compile(r"`raytrain +([a-z]+)([^`]*)`")


def named(text: str) -> list[tuple[str, str]]:
    """Each command that a page shows in a block or names in backticks, with its other words."""
    blocks = "\n".join(FENCED.findall(text))
    found = []
    for name, words in IN_BLOCK.findall(blocks) + IN_TEXT.findall(FENCED.sub("", text)):
        second = f"{name} {words.split()[0]}" if words.split() else name
        found.append((second if second in COMMANDS else name, words))
    return found


def test_the_files_are_those_that_the_commands_give() -> None:
    stale = [path.name for path, text in files().items() if path.read_text() != text]
    assert stale == [], "run `make agents`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_that_a_page_names_exists(page: Path) -> None:
    found = named(page.read_text())
    for name, words in found:
        assert name in COMMANDS, f"raytrain {name}{words}"
        known = {word for param in COMMANDS[name].params for word in param.opts} | {"--help"}
        assert set(re.findall(r"(?<!\S)--[a-z-]+", words)) <= known, f"raytrain {name}{words}"
    if page.name in ("AGENTS.md", "llms.txt", "SKILL.md"):
        assert {name for name, _ in found} == set(COMMANDS)


def test_usage_names_arguments_and_required_options() -> None:
    assert usage("check") == "raytrain check JOB"
    assert usage("predict") == "raytrain predict IMAGES... --with SOURCE"
    assert usage("evaluate") == "raytrain evaluate [JOB]"


def test_the_skill_begins_with_its_name_and_purpose() -> None:
    lines = (ROOT / "skills" / "raytrain" / "SKILL.md").read_text().split("\n")
    assert lines[:2] == ["---", "name: raytrain"]
    assert lines[2].startswith("description: ")
    assert len(lines[2]) < 1024
    assert lines[3] == "---"
