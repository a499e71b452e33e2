"""The packages that prediction needs, with the versions that are installed on this machine."""

import ast
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version
from pathlib import Path

from packaging.requirements import Requirement

import raytrain

PACKAGE = Path(raytrain.__file__).parent


@cache
def needed_packages(module: str) -> tuple[str, ...]:
    """Return `name==version` of raytrain, of every package that a module of raytrain imports, and
    of the packages that these packages require.

    The module's imports are followed through raytrain, also imports inside functions. Packages that
    are not installed here, such as optional ones, are left out.
    """
    named = packages_distributions()
    outside = {top for top in _imports(module) if top != "raytrain"}
    todo = [Requirement(owner) for top in sorted(outside) for owner in named.get(top, [])]
    seen: set[str] = set()
    found: dict[str, str] = {"raytrain": raytrain.__version__}
    while todo:
        wanted = todo.pop()
        name, text = wanted.name.lower().replace("_", "-"), f"{wanted.name} {sorted(wanted.extras)}"
        if text in seen or name == "raytrain":
            continue
        seen.add(text)
        try:
            # What follows a + names a build, such as one without CUDA.
            found[name] = version(wanted.name).partition("+")[0]
        except PackageNotFoundError:
            continue
        todo += _required(wanted)
    raytrain_first = sorted(found, key=lambda name: (name != "raytrain", name))
    return tuple(f"{name}=={found[name]}" for name in raytrain_first)


def _required(wanted: Requirement) -> Iterator[Requirement]:
    """Yield the requirements of a package on this system, including those of the requested
    extras."""
    for text in requires(wanted.name) or []:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": e}) for e in ("", *wanted.extras)):
            yield requirement


def _imports(module: str) -> set[str]:
    """Return the top-level names that a module and the modules of raytrain below it import."""
    found: set[str] = set()
    # The Python interface imports a station only when its function is called.
    todo, seen = [module], {"raytrain.interface"}
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        path = _file(name)
        if path is None:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                continue
            found |= {each.split(".")[0] for each in names}
            todo += [each for each in names if each.startswith("raytrain")]
        todo.append(name.rpartition(".")[0])
    return found


def _file(module: str) -> Path | None:
    """Return the source file of a module of raytrain, or None."""
    place = PACKAGE.joinpath(*module.split(".")[1:]) if module.startswith("raytrain") else None
    if place is None:
        return None
    files = (place.with_suffix(".py"), place / "__init__.py")
    return next((path for path in files if path.is_file()), None)
