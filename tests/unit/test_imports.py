"""The rooms import one way, and light commands stay light."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.source_code import statements

PACKAGE = Path(__file__).parents[2] / "raytrain"
BELOW = {
    "interface": {
        "pipeline", "search", "data", "metrics", "submission", "runs", "config",
    },
    "cli": {
        "pipeline", "report", "submission", "cluster", "search", "engine", "data", "models", "runs",
        "config",
    },
    "pipeline": {
        "backend", "report", "submission", "search", "ensemble", "engine", "data", "models",
        "metrics", "runs", "config",
    },
    "backend": {"cluster", "search", "engine", "runs", "config"},
    "report": {"search", "submission", "ensemble", "data", "metrics", "runs", "config"},
    "submission": {"data", "metrics", "rle", "runs", "config"},
    "cluster": {"search", "engine", "data", "runs", "config"},
    "search": {"engine", "metrics", "runs", "config"},
    "ensemble": {"engine", "data", "metrics", "runs", "config"},
    "engine": {"data", "models", "losses", "metrics", "runs", "config"},
    "data": {"rle", "runs", "config"},
    "models": {"runs", "config"},
    "losses": {"config"},
    "metrics": {"runs", "config"},
    "runs": {"config"},
    "rle": set(),
    "config": set(),
}  # fmt: skip
"""Room -> the rooms that it may import besides itself."""


@cache
def imported(path: Path) -> set[str]:
    """Every module named by an import statement, also inside functions."""
    found = set()
    for node in statements(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_rooms_import_one_way() -> None:
    upward = {}
    for path in PACKAGE.rglob("*.py"):
        room = room_of(path)
        if room.startswith("__"):
            continue
        rooms = {name.split(".")[1] for name in imported(path) if name.startswith("raytrain.")}
        if wrong := rooms - {room} - BELOW[room]:
            upward[str(path.relative_to(PACKAGE))] = wrong
    assert upward == {}


@pytest.mark.parametrize(("package", "home"), [("ray", "cluster"), ("kaggle", "kaggle_client.py")])
def test_one_place_imports_each_outside_system(package: str, home: str) -> None:
    owners = {package, f"{package}sdk"}
    for path in PACKAGE.rglob("*.py"):
        if {name.split(".")[0] for name in imported(path)} & owners:
            assert home in path.parts, path


def test_only_the_command_line_and_the_log_print() -> None:
    printing = set()
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        if "print(" not in text:
            continue
        calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
        if any(isinstance(call.func, ast.Name) and call.func.id == "print" for call in calls):
            printing.add(str(path.relative_to(PACKAGE)))
    # The guard is a process of its own beside a worker that no longer runs.
    allowed = {"runs/messages.py", "engine/guard.py"}
    assert {name for name in printing if not name.startswith("cli/")} == allowed


def test_the_rooms_are_the_folders() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert folders | {"interface"} == set(BELOW)


LIGHT = (
    "--help", "schema", "models --help", "losses", "metrics", "run --help", "ledger --help",
    "check --help", "watch --help", "version",
)  # fmt: skip
LIGHT_STATIONS = (
    "pipeline.ledger", "pipeline.watch", "pipeline.picks", "pipeline.init", "pipeline.suspects",
    "submission.inference.infer", "pipeline.check", "pipeline.submit", "pipeline.fetch",
)  # fmt: skip


def loaded_after(code: str) -> dict[str, set[str]]:
    """Top-level modules in a fresh interpreter after each step of this code that calls `done`."""
    script = f"""
import sys

def done(step):
    print("loaded", step, *sorted({{name.split(".")[0] for name in sys.modules}}), sep="|")

{code}
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    lines = [line.split("|") for line in ran.stdout.splitlines() if line.startswith("loaded|")]
    return {step: set(names) for _, step, *names in lines}


def test_light_commands_load_neither_torch_nor_ray() -> None:
    code = f"""
from raytrain.cli import main
for line in {LIGHT!r}:
    sys.argv = ["raytrain", *line.split()]
    try:
        main()
    except SystemExit as end:
        assert not end.code, end.code
    done(line)
"""
    loaded = loaded_after(code)
    assert len(loaded) == len(LIGHT)
    for line, names in loaded.items():
        assert not names & {"torch", "ray", "kaggle", "matplotlib"}, line


def test_the_python_interface_is_light_and_stays_functions() -> None:
    code = """
import raytrain
done("interface")
import raytrain.search.stopping_cost
from raytrain.search.stopping_cost import stopping
assert raytrain.search.__module__ == "raytrain.interface"
assert all(callable(getattr(raytrain, name)) for name in raytrain.__all__)
done("search")
"""
    heavy = {"torch", "ray", "pandas", "numpy", "pydantic", "typer"}
    loaded = loaded_after(code)
    assert not loaded["interface"] & heavy
    assert "search" in loaded


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stations", "heavy"),
    [
        (LIGHT_STATIONS, {"torch", "ray", "kaggle"}),
        # What a training worker imports before its first trial.
        (("cluster.run_search",), {"kaggle", "sklearn", "matplotlib", "optuna", "timm"}),
    ],
)
def test_stations_load_only_what_they_need(stations: tuple[str, ...], heavy: set[str]) -> None:
    code = "\n".join(f"import raytrain.{name}; done({name!r})" for name in stations)
    loaded = loaded_after(code)
    assert len(loaded) == len(stations)
    for name, names in loaded.items():
        assert not names & heavy, name


@pytest.mark.slow
def test_no_library_calls_home() -> None:
    """onnxruntime calls from compiled code, so only its switch can be looked at."""
    code = """
import os, urllib.request
os.environ.pop("NO_ALBUMENTATIONS_UPDATE", None)
os.environ.pop("ORT_DISABLE_TELEMETRY", None)
called = []
urllib.request.OpenerDirector.open = lambda self, *words: called.append(words)
import raytrain.data.augment
assert called == []
assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
done("all")
"""
    assert "albumentations" in loaded_after(code)["all"]
