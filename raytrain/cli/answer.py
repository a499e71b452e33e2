"""The answer of a command: values, which are shown as text or as one JSON object.

The object has the keys schema, command, ok, exit_code, result, problems, message and warnings. Each
problem has code, path, problem and remedy. `SCHEMA` is raised by a change after which a program
could no longer read the object.
"""

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from raytrain.config.codes import CODES, Code
from raytrain.config.errors import without_numbers
from raytrain.config.fault import Fault
from raytrain.config.secrets import without_password
from raytrain.runs.files import storage_text

SCHEMA = 1
"""Version of the JSON object."""

_PLACE = re.compile(r"(?P<place>\S+|.*[/\\].*?|\S+(, \S+)* and \d+ more): (?P<text>.+)", re.DOTALL)


@dataclass(frozen=True)
class Problem:
    """One problem in the answer of a command."""

    code: Code
    path: str
    """The file or key; empty if the problem has none."""
    problem: str
    remedy: str


@dataclass(frozen=True)
class Answer:
    """The answer of a command. The text is made from the values."""

    result: Any
    """Values by name: numbers, texts, paths, specs, dataclasses and lists of them."""
    text: str = ""
    exit_code: int = 0
    message: str = ""
    """The whole text of the error; empty if the command succeeded."""
    problems: tuple[Problem, ...] = ()


def failure(error: BaseException, code: Code, exit_code: int) -> Answer:
    """Return the answer of a command that ended with an error."""
    text = storage_text(error) if isinstance(error, OSError) else str(error)
    text = without_password(text)
    lines = without_numbers(getattr(error, "problems", ()) or _problem_lines(text))
    whole = problem_of(code, text.split("\n")[0])
    found = tuple(_completed(problem_of(code, line), whole) for line in lines)
    return Answer(getattr(error, "facts", None) or None, "", exit_code, text, found)


def _completed(problem: Problem, whole: Problem) -> Problem:
    """Return a problem. If its line names no place or no remedy, those of the message's first line
    are used."""
    named = problem.remedy != CODES[problem.code][1]
    remedy = problem.remedy if named else whole.remedy
    return dataclasses.replace(problem, path=problem.path or whole.path, remedy=remedy)


def problem_of(code: Code, line: str) -> Problem:
    """Return the parts of a line that reads `place: problem; remedy`. A Fault knows its place. In
    other lines, the place is the text before the first colon."""
    if isinstance(line, Fault):
        path, rest = without_password(line.place), without_password(line.text)
    else:
        line = without_password(line.strip())
        match = _PLACE.fullmatch(line)
        path, rest = (match["place"], match["text"]) if match else ("", line)
    problem, found, remedy = rest.rpartition("; ")
    return Problem(code, path, problem if found else rest, remedy if found else CODES[code][1])


def _problem_lines(text: str) -> list[str]:
    """Return the lines of a message that name one problem each: the indented lines, if there are
    any."""
    lines = text.split("\n")
    listed = [line for line in lines[1:] if re.match(r"  [^ -]", line)]
    if listed:
        return listed
    alike = all(_PLACE.fullmatch(line) for line in lines)
    return lines if alike else lines[:1]


def json_text(command: str, answer: Answer, warnings: list[str]) -> str:
    """Return the answer of a command as one line of JSON."""
    tree = {
        "schema": SCHEMA,
        "command": command,
        "ok": not answer.exit_code,
        "exit_code": answer.exit_code,
        "result": as_tree(answer.result),
        "problems": as_tree(answer.problems),
        "message": answer.message,
        "warnings": warnings,
    }
    return json.dumps(tree, allow_nan=False)


def as_tree(value: Any) -> Any:
    """Return a value as JSON knows it; NaN and infinity become null.

    Raises TypeError for a type that an answer cannot contain.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, BaseModel):
        return as_tree(value.model_dump(mode="json"))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: as_tree(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_tree(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_tree(each) for each in value]
    if hasattr(value, "tolist"):  # NumPy's, which light commands do not import
        return as_tree(value.tolist())
    raise TypeError(f"an answer cannot contain a {type(value).__name__}")
