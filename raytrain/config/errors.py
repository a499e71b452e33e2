"""Texts of configuration errors. One message lists all problems, each with its place and a
remedy."""

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from raytrain.config.codes import CodedError
from raytrain.config.fault import Fault
from raytrain.config.own import Widened, own_specs

SHOWN = 10
"""Largest number of problems of one kind that a message lists."""
PART = 4
"""Least number of letters by which a name that contains them is suggested."""

_VARYING = re.compile(r"'[^']*'|\S*/\S*|\d+")
"""The parts in which two problems of one kind may differ: names, paths and numbers."""
_MORE = re.compile(r"\.\.\. and (\d+) more of this kind\b")


def shortened(problems: list[str]) -> list[str]:
    """Return the problems as lines: at most ten of each kind, then the number of the others.

    Problems that read `place: text` with the same text become one line with all their places. Two
    lines are of one kind if they differ only in names, paths and numbers.
    """
    places: dict[str, list[str]] = {}
    for problem in dict.fromkeys(problems):
        place, colon, text = problem.partition(": ")
        if isinstance(problem, Fault):
            place, text = problem.place, problem.text
        places.setdefault(text if colon else place, []).append(place if colon else "")
    kinds: dict[str, list[str]] = {}
    for text, found in places.items():
        line = f"{_first_of(found)}: {text}" if found[0] else text
        kinds.setdefault(_VARYING.sub("", line), []).append(line)
    return [line for kind in kinds.values() for line in first_lines(kind)]


def first_lines(lines: list[str]) -> list[str]:
    """Return the first ten of `lines`, then a line with the number of the others, if any."""
    more = [f"... and {len(lines) - SHOWN} more of this kind"] if len(lines) > SHOWN else []
    return lines[:SHOWN] + more


def number_of(lines: Iterable[str]) -> int:
    """Return the number of problems that these lines name. The last one of `first_lines` names
    several."""
    return sum(int(match[1]) if (match := _MORE.search(line)) else 1 for line in lines)


def without_numbers(lines: Iterable[str]) -> list[str]:
    """Return the lines that name a problem, without those that say how many more there are."""
    return [line for line in lines if not _MORE.search(line)]


def _first_of(places: list[str]) -> str:
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return ", ".join(places[:SHOWN]) + more


def nearest(value: str, known: Iterable[str]) -> str | None:
    """Return the known name that is closest to `value` or contains it, whatever its case, or None
    when there is none."""
    names, sought = {name.casefold(): name for name in known}, str(value).casefold()
    close = difflib.get_close_matches(sought, names, n=1, cutoff=0.6)
    if not close and len(sought) >= PART:
        close = [name for name in names if sought in name]
    return names[close[0]] if close else None


def unknown_name(value: str, known: Iterable[str]) -> str:
    """Return `unknown 'dise'; did you mean 'dice'?`, or the known names when nothing is close."""
    known = sorted(known)
    guess = nearest(value, known)
    if guess:
        return f"unknown {value!r}; did you mean {guess!r}?"
    shown = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
    return f"unknown {value!r}; known: {shown}"


def config_error(source: str, problems: list[str]) -> CodedError:
    """Return the error, to be raised, that lists every problem of the configuration in the file
    `source`."""
    number = number_of(problems)
    count = "1 problem" if number == 1 else f"{number} problems"
    lines = "\n".join(f"  {problem}" for problem in problems)
    return CodedError("config", f"{source}: {count} in the configuration\n{lines}", problems)


def problems_of(error: ValidationError, root: type[BaseModel], prefix: str = "") -> list[str]:
    """Return each error that pydantic found in a tree for the spec `root`, as one line `path:
    text`. The path is written as in the YAML, after `prefix`."""
    lines: list[str] = []
    for item in error.errors(include_url=False):
        path, models = _walk(root, item["loc"])
        kind, got, context = item["type"], item["input"], item.get("ctx", {})
        if kind == "extra_forbidden":
            text = _unknown_key(str(item["loc"][-1]), models)
        elif kind == "union_tag_invalid":
            path, text = f"{path}.name", unknown_name(context["tag"], _quoted(context))
        elif kind == "union_tag_not_found":
            path, text = f"{path}.name", "missing; this key is required"
        elif kind == "literal_error":
            text = unknown_name(str(got), _quoted(context))
        elif kind == "value_error":
            text = str(context["error"])
        elif kind == "missing":
            text = "missing; this key is required"
        else:
            text = f"{item['msg'][0].lower()}{item['msg'][1:]} (got {got!r})"
        lines.append(Fault(f"{prefix}{path or 'the file'}", text))
    return lines


def _unknown_key(key: str, models: list[type[BaseModel]]) -> str:
    """Return the text for a key that none of `models` has; it may belong one level further down,
    such as `lr` of `trial.optimizer`."""
    fields = {name: field for model in models for name, field in model.model_fields.items()}
    below = [
        f"{name}.{key}"
        for name, field in fields.items()
        for part in (field.annotation, *field.metadata)
        if any(key in inner.model_fields for inner in models_in(part))
    ]
    if below and not nearest(key, fields):
        return f"unknown key {key!r}; did you mean {' or '.join(map(repr, dict.fromkeys(below)))}?"
    return unknown_name(key, fields).replace("unknown", "unknown key", 1)


def _quoted(context: dict[str, Any]) -> list[str]:
    """Return the names in pydantic's text `'a', 'b' or 'c'` as a list."""
    text = context.get("expected_tags") or context["expected"]
    return [part.strip(" '") for part in str(text).replace(" or ", ",").split(",")]


def _walk(root: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[str, list[type[BaseModel]]]:
    """Return the dotted path of `loc` without the tags of unions, and the models that may have the
    key at its end."""
    path = ""
    here: list[type[BaseModel]] = [root]
    beside: list[type[BaseModel]] = []
    for step in loc:
        if isinstance(step, int):
            path += f"[{step}]"
            continue
        if step.startswith("["):  # pydantic's mark of a dict's key, or a tag of `augmentation`
            continue
        tagged = [model for model in here if _tag(model) == step]
        if tagged and len(here) > 1:
            here = tagged
            continue
        path += f".{step}" if path else step
        beside = here
        here = [
            inner
            for model in here
            if step in model.model_fields
            for part in (model.model_fields[step].annotation, *model.model_fields[step].metadata)
            for inner in models_in(part)
        ]
    return path, beside


def _tag(model: type[BaseModel]) -> Any:
    field = model.model_fields.get("name")
    return field.default if field else None


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield every spec class that an annotation can hold, also inside of other types."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    if isinstance(annotation, Widened):
        yield from own_specs(annotation.room).values()
    for inner in get_args(annotation):
        yield from models_in(inner)
