"""The rooms import one way, and light commands stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "raytrain"
BELOW = {
    "cli": {"pipeline", "cluster", "data", "runs", "config"},
    "pipeline": {
        "cluster", "ensemble", "engine", "data", "models", "losses", "metrics", "runs", "config",
        "submission", "report",
    },
    "cluster": {"ensemble", "engine", "data", "models", "losses", "metrics", "runs", "config"},
    "ensemble": {"engine", "data", "models", "losses", "metrics", "runs", "config"},
    "engine": {"data", "models", "losses", "metrics", "runs", "config"},
    "data": {"rle", "runs", "config"},
    "models": {"runs", "config"},
    "losses": {"runs", "config"},
    "metrics": {"runs", "config"},
    "submission": {"data", "rle", "runs", "config"},
    "report": {"data", "runs", "config", "submission"},
    "runs": {"config"},
    "rle": set(),
    "config": set(),
}  # fmt: skip
"""Room -> the rooms that it may import besides itself (the report reads the ledger, too)."""


def imported(path: Path) -> set[str]:
    """Every module named by an import statement, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


FILES = [path for path in PACKAGE.rglob("*.py") if not room_of(path).startswith("__")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_import_one_way(path: Path) -> None:
    room = room_of(path)
    rooms = {name.split(".")[1] for name in imported(path) if name.startswith("raytrain.")}
    assert rooms - {room} <= BELOW[room]


@pytest.mark.parametrize(("package", "home"), [("ray", "cluster"), ("kaggle", "kaggle_client.py")])
def test_one_place_imports_each_outside_system(package: str, home: str) -> None:
    owners = {package, f"{package}sdk"}
    for path in PACKAGE.rglob("*.py"):
        if {name.split(".")[0] for name in imported(path)} & owners:
            assert home in path.parts, path


def test_the_rooms_are_the_folders() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert folders | {"cli"} == set(BELOW)


LIGHT = [
    ["--help"],
    ["schema"],
    ["models", "--help"],
    ["losses"],
    ["metrics"],
    ["run", "--help"],
    ["ledger", "--help"],
]


def loaded_after(code: str) -> set[str]:
    """Top-level modules in a fresh interpreter after running this code."""
    script = f"import sys\n{code}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("words", LIGHT)
def test_light_commands_load_neither_torch_nor_ray(words: list[str]) -> None:
    code = (
        "from raytrain.cli import main\n"
        f"sys.argv = ['raytrain', *{words!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code"
    )
    assert not loaded_after(code) & {"torch", "ray", "kaggle", "matplotlib"}


@pytest.mark.parametrize("station", ["ledger", "report", "dialect", "picks"])
def test_reading_stations_load_neither_torch_nor_ray(station: str) -> None:
    assert not loaded_after(f"import raytrain.pipeline.{station}") & {"torch", "ray", "kaggle"}


@pytest.mark.parametrize("station", ["check", "submit", "fetch"])
def test_check_and_submit_load_no_ray(station: str) -> None:
    loaded = loaded_after(f"import raytrain.pipeline.{station}, raytrain.data.folds")
    assert not loaded & {"torch", "ray", "kaggle"}
