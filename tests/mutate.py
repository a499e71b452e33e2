"""How many small faults the unit tests find: `python -m tests.mutate --count 30 --seed 0`.

Each fault changes one expression of the package in a copy of the tree. The unit tests nearest to
the changed module then run in that copy: those that import it or, if there are none, those of the
modules that import it. A fault that no test finds is printed with its place: either the line needs
a test, or nobody needs the line.
"""

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIMIT_S = 600
SWAPS: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


def faults_in(tree: ast.Module) -> Iterator[tuple[int, ast.AST, str, object]]:
    """Line, node, attribute and new value of every fault that can be made in a module."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
            yield line, node, "ops", [SWAPS[type(node.ops[0])](), *node.ops[1:]]
        elif isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in SWAPS:
            yield line, node, "op", SWAPS[type(node.op)]()
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield line, node, "op", ast.UAdd()
        elif isinstance(node, ast.Constant) and type(node.value) is bool:
            yield line, node, "value", not node.value
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield line, node, "value", node.value + 1


def imported(path: Path) -> set[str]:
    """Every module that a file imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def module_of(path: Path) -> str:
    """The module of a file, by its path from the root."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def all_imports() -> dict[str, set[str]]:
    """What each module of the package and of the tests imports."""
    paths = [*ROOT.glob("raytrain/**/*.py"), *ROOT.glob("tests/**/*.py")]
    return {module_of(path.relative_to(ROOT)): imported(path) for path in paths}


def tests_of(module: str, imports: dict[str, set[str]]) -> list[str]:
    """The unit test files that import a module, themselves or through other test modules; if there
    are none, those of the modules that import it."""
    ours = {name for name in imports if name.startswith("raytrain")}
    wanted, seen = {module}, {module}
    while wanted:
        found = _importers(wanted, {n: imports[n] for n in imports.keys() - ours})
        units = {name for name in found if name.startswith("tests.unit.test_")}
        if units:
            return sorted(f"{name.replace('.', '/')}.py" for name in units)
        wanted = {name for name in ours if imports[name] & wanted} - seen
        seen |= wanted
    return []


def _importers(wanted: set[str], imports: dict[str, set[str]]) -> set[str]:
    """The modules that import one of the wanted ones, themselves or through each other."""
    found: set[str] = set()
    while new := {n for n, names in imports.items() if names & (wanted | found)} - found:
        found |= new
    return found


def left_out(folder: str, names: list[str]) -> set[str]:
    """What is not copied. The package has folders `runs` and `data`, too: those are."""
    outside = {".git", ".venv", "build", "runs", "data"} if Path(folder) == ROOT else set()
    return (outside | {"__pycache__"}) & {*names}


def is_found(copy: Path, tests: list[str]) -> bool:
    """Whether a test fails, or does not end, in this copy of the tree."""
    words = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", *tests]
    env = os.environ | {"PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(words, cwd=copy, env=env, capture_output=True, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def main() -> None:
    """Make the faults one after another and print what became of each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--files", nargs="*", help="only in these files; default: the package")
    given = parser.parse_args()
    rng = random.Random(given.seed)
    files = given.files or sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("raytrain/**/*.py"))
    found, imports = 0, all_imports()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(ROOT, copy, ignore=left_out)
        for number in range(given.count):
            while True:
                file = rng.choice(files)
                text = (ROOT / file).read_text(encoding="utf-8")
                tree = ast.parse(text)
                faults = list(faults_in(tree))
                if faults:
                    break
            line, node, attribute, value = rng.choice(faults)
            tests = tests_of(module_of(Path(file)), imports)
            before = ast.unparse(node)
            setattr(node, attribute, value)
            (copy / file).write_text(ast.unparse(tree), encoding="utf-8")
            caught = bool(tests) and is_found(copy, tests)
            (copy / file).write_text(text, encoding="utf-8")
            found += caught
            shown = f"{file}:{line}: {before} -> {ast.unparse(node)}"
            print(f"{number + 1:3} {'found ' if caught else 'MISSED'} {shown}", flush=True)
    print(f"{found} of {given.count} faults found")


if __name__ == "__main__":
    main()
