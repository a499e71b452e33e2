"""`extend: my.py`: your own networks, losses, metrics and formats, from one Python file.

    from typing import Literal
    from raytrain.config.extend import OwnLoss, OwnMetric, OwnModel

    class TinySpec(OwnModel):                   # its keys in the YAML
        name: Literal["tiny"] = "tiny"
        width: int = 8

    def build_tiny(spec, channels, classes):         # -> nn.Module that gives logits_BKHW
        ...

    MODELS = {TinySpec: build_tiny}

`LOSSES` takes `build(spec, losses.setting.Setting) -> Term`. `METRICS` takes
`score(spec, metrics.evidence.Evidence) -> float`, where higher is better. For metrics that pixel
counts cannot give, `IMAGE_FIGURES` takes `figures(spec, ImageMaps) -> figure_K` in addition.
`FORMATS` takes `data.formats.Format`. The file is shipped to the workers alone: it may import
packages that are installed on every node, but no other local file. Its specs are pickled together
with its source, so a process that unpickles one loads the file.
"""

import copyreg
import linecache
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

from pydantic_core import PydanticUndefined

from raytrain.config.base import Spec
from raytrain.config.errors import config_error
from raytrain.config.formats import FormatSpec
from raytrain.config.losses import LossTerm, LossTermBase
from raytrain.config.map_metrics import MetricBase
from raytrain.config.metrics import AnyMetricSpec
from raytrain.config.models import ModelSpec
from raytrain.config.models.encoders import NetworkSpec
from raytrain.config.own import PREFIX, OwnSpec, Source, extend_by, remember, spec_of


class OwnModel(NetworkSpec, OwnSpec):
    """Base class of user-defined network specs."""


class OwnLoss(LossTermBase, OwnSpec):
    """Base class of user-defined loss terms."""


class OwnMetric(MetricBase, OwnSpec):
    """Base class of user-defined metrics."""

    @property
    def label(self) -> str:
        """Short form of the metric, for tables."""
        return self.name


class OwnFormat(OwnSpec):
    """Base class of user-defined data formats."""


def _names(specs: tuple[type[Spec], ...]) -> set[str]:
    return {spec.model_fields["name"].default for spec in specs}


BASES: dict[str, type[OwnSpec]] = {
    "MODELS": OwnModel,
    "LOSSES": OwnLoss,
    "METRICS": OwnMetric,
    "IMAGE_FIGURES": OwnMetric,
    "FORMATS": OwnFormat,
}
"""The dicts that a file may define, each with the base class of its specs."""

OURS: dict[str, set[str]] = {
    "MODELS": _names(get_args(get_args(ModelSpec)[0])),
    "LOSSES": _names(get_args(get_args(LossTerm)[0])),
    "METRICS": _names(get_args(AnyMetricSpec)),
    "IMAGE_FIGURES": _names(get_args(AnyMetricSpec)),
    "FORMATS": _names(get_args(get_args(FormatSpec)[0])),
}
"""The built-in names. A user's file cannot use them."""

_LOADED: set[str] = set()
"""Hashes of the users' files that this process has run."""


def extend_from(paths: list[Path]) -> None:
    """Run the users' Python files at these paths, so that a job may name their networks, losses,
    metrics and formats. Parts of other files are no longer available by name.

    Raises ValueError that lists every problem in all of the files.
    """
    sources: list[Source] = []
    problems = []
    for path in paths:
        if not path.is_file():
            problems.append(f"{path}: no such file; correct the path")
            continue
        try:
            sources.append(Source(path.name, path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{path}: {error}")
            continue
        problems += [f"{path}: {problem}" for problem in _load(sources[-1])]
    owners: dict[tuple[str, str], str] = {}
    for source in sources if not problems else []:
        for room, spec in _specs(sys.modules[PREFIX + source.hash]):
            if owners.setdefault((room, _name(spec)), source.hash) != source.hash:
                problems.append(
                    f"{source.name}: {room}: {_name(spec)!r} is defined in two files; rename one"
                )
    if problems:
        raise config_error("extend", problems)
    extend_by(tuple(dict.fromkeys(sources)))


def load_source(source: Source) -> None:
    """Run a user's Python file, unless this process has run it already, and register its parts
    under the file's hash. Raises ValueError when the file fails, or defines no valid part."""
    problems = [f"{source.name}: {problem}" for problem in _load(source)]
    if problems:
        raise config_error("extend", problems)


def is_loaded(source: Source) -> bool:
    """Return whether this process has run a user's Python file with this text."""
    return source.hash in _LOADED


def _load(source: Source) -> list[str]:
    """Run the file once per process, and return its problems."""
    if source.hash in _LOADED:
        return []
    module = ModuleType(PREFIX + source.hash)
    # Tracebacks show the file's own name, and inspect finds its lines on every node.
    file = module.__file__ = f"<{source.hash}>/{source.name}"
    linecache.cache[file] = (len(source.text), None, source.text.splitlines(True), file)
    sys.modules[module.__name__] = module
    try:
        exec(compile(source.text, file, "exec"), module.__dict__)
        problems = _table_problems(module)
    except SyntaxError as error:
        problems = [f"line {error.lineno}: {error.msg}"]
    except Exception as error:  # a user's file may fail in any way
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
        problems = [f"line {lines[-1] if lines else '?'}: {type(error).__name__}: {error}"]
    if problems:
        del sys.modules[module.__name__]
        return problems
    remember(source, {room: getattr(module, room, {}) for room in BASES})
    for _, spec in _specs(module):
        copyreg.pickle(spec, _reducer(source))
    _LOADED.add(source.hash)
    return []


def _table_problems(module: ModuleType) -> list[str]:
    found = [room for room in BASES if hasattr(module, room)]
    if not found:
        return [f"defines none of {', '.join(BASES)}; define one of these dicts"]
    problems = []
    for room in found:
        table = getattr(module, room)
        if not isinstance(table, dict):
            problems.append(f"{room}: give a dict {{spec: function}} (got {table!r})")
            continue
        for spec, part in table.items():
            problems += [f"{room}: {text}" for text in _entry_problems(room, spec, part)]
    if problems:
        return problems
    for room in found:
        names = [_name(spec) for spec in getattr(module, room)]
        problems += [
            f"{room}: {n!r} is defined twice; rename one" for n in set(names) if names.count(n) > 1
        ]
    alone = set(getattr(module, "IMAGE_FIGURES", {})) - set(getattr(module, "METRICS", {}))
    return problems + [
        f"IMAGE_FIGURES: {_name(spec)!r} is not in METRICS; add it there" for spec in alone
    ]


def _entry_problems(room: str, spec: Any, part: Any) -> list[str]:
    base = BASES[room]
    if not (isinstance(spec, type) and issubclass(spec, base)):
        return [f"{spec!r} is not a spec; derive a class from {base.__name__}"]
    problems = []
    name = _name(spec)
    if name is PydanticUndefined or get_args(spec.model_fields["name"].annotation) != (name,):
        problems.append(f'{spec.__name__}: add the field name: Literal["my_name"] = "my_name"')
    elif name in OURS[room]:
        problems.append(f"{name!r} is already taken; choose another name")
    if room != "FORMATS" and not callable(part):
        problems.append(f"{name}: give a function (got {part!r})")
    if room == "FORMATS" and not all(callable(getattr(part, f, None)) for f in ("index", "mask")):
        problems.append(f"{name}: give raytrain.data.formats.Format(index, mask) (got {part!r})")
    return problems


def _specs(module: ModuleType) -> list[tuple[str, type[OwnSpec]]]:
    return [(room, spec) for room in BASES for spec in getattr(module, room, {})]


def _name(spec: type[OwnSpec]) -> Any:
    return spec.model_fields["name"].default


def _reducer(source: Source) -> Callable[[OwnSpec], tuple[Any, ...]]:
    def reduced(spec: OwnSpec) -> tuple[Any, ...]:
        room = next(room for room, base in BASES.items() if isinstance(spec, base))
        return restored, (source, room, spec.model_dump(mode="json"))

    return reduced


def restored(source: Source, room: str, tree: dict[str, Any]) -> OwnSpec:
    """Load the file of a spec that another process pickled, and return the spec."""
    load_source(source)
    return spec_of(room, tree["name"], source.hash).model_validate(tree)
