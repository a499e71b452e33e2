"""What README and the pages under docs/ point to and show exists."""

import re
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from raytrain.cli import app

ROOT = Path(__file__).parents[2]
TOP = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "AGENTS.md", "CHANGELOG.md")]
PAGES = [*TOP, *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_of_the_repository(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_yaml_that_is_shown_can_be_read(page: Path) -> None:
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL):
        assert isinstance(yaml.safe_load(block), dict)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_are_shown_exist(page: Path) -> None:
    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    for block in re.findall(r"```(?:\w+)?\n(.*?)```", page.read_text(), re.DOTALL):
        assert set(re.findall(r"(?m)^(?:\.venv/bin/)?raytrain +([a-z]+)", block)) <= known


def test_readme_leads_to_every_page() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGES[0].read_text())
    assert {str(page.relative_to(ROOT)) for page in PAGES[1:]} <= {*links}


def test_files_that_contributors_are_sent_to_exist() -> None:
    named = re.findall(r"`((?:\w+/)+[\w.]+\.\w+)`", (ROOT / "CONTRIBUTING.md").read_text())
    assert named
    assert [
        path
        for path in named
        if not any((top / path).exists() for top in (ROOT, ROOT / "raytrain"))
    ] == []
