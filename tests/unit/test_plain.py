"""Text of others is shown as it is, and controls nothing, on every console."""

import io
from pathlib import Path

import pytest
from rich.table import Table
from typer.testing import CliRunner

from raytrain.cli import app
from raytrain.config.plain import PlainStream, console_of, plain
from raytrain.report.terminal import as_text

PACKAGE = Path(__file__).parents[2] / "raytrain"
MARKUP = "[/red] [bold]Column[/bold] [link=http://x]id[/link] :smile: \\[0]"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\nc", "a\tb\nc"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x", "]0;titlex"),
        ("over\rwritten, \x08\x7f\x9b", "overwritten, "),
        ("left \u202egnp.exe\u2069", "left gnp.exe"),
        ("Zürich, 日本 👍", "Zürich, 日本 👍"),
    ],
)
def test_control_characters_are_left_out(text: str, shown: str) -> None:
    assert plain(text) == shown
    under = io.StringIO()
    assert PlainStream(under).write(text) == len(text)
    assert under.getvalue() == shown


def test_brackets_in_a_table_are_no_markup() -> None:
    table = Table(title=MARKUP)
    table.add_column(MARKUP)
    table.add_row(f"{MARKUP}\x1b[31m")
    text = as_text(table)
    assert text.count(MARKUP) == 3
    assert "\x1b" not in text


def test_every_rich_console_is_made_in_one_place() -> None:
    makers = [path.name for path in PACKAGE.rglob("*.py") if "Console(" in path.read_text()]
    assert makers == ["plain.py"]
    assert console_of(PlainStream(out := io.StringIO())).file is out


def test_what_a_command_prints_is_plain(tmp_path: Path) -> None:
    job = tmp_path / "job\x1b[31m[/red].yaml"
    done = CliRunner().invoke(app, ["check", str(job)])
    assert done.exit_code == 1
    assert "job[/red].yaml" in done.output
    assert "\x1b" not in done.output
