"""A hook of mkdocs: the pages of the reference, made from the specs and from the command line.

The pages exist only in the built site, so they cannot be out of date.
"""

import ast
import inspect
import re
import textwrap
import types
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo
from typer.core import TyperArgument, TyperCommand, TyperOption
from typer.main import get_command

from raytrain.cli import app
from raytrain.cli.app import every_command
from raytrain.config.base import Spec
from raytrain.config.job import JobSpec

OWN_PAGES = ("competition", "trial", "search")
"""Fields of a job with a page of their own; `job` has the others."""
WORDS = {
    int: "whole number", float: "number", str: "text", bool: "true or false", type(None): "null",
}  # fmt: skip


def pages() -> dict[str, str]:
    """Return the text of each generated page by its path below docs/."""
    home = homes()
    texts = {"reference/commands.md": commands_page()}
    for page in ("job", *OWN_PAGES):
        specs = [spec for spec, its_page in home.items() if its_page == page]
        head = (
            f"# Fields of `{page}`\n\n`raytrain schema` prints the same as a JSON schema. You can "
            "override any field: `--set trial.optimizer.lr=3e-4`.\n"
        )
        texts[f"reference/{page}.md"] = "\n".join([head, *(section(each, home) for each in specs)])
    return texts


def homes() -> dict[type[Spec], str]:
    """Return every spec of a job, in the order of the fields, with the name of its page."""
    found: dict[type[Spec], str] = {JobSpec: "job"}
    for key, field in JobSpec.model_fields.items():
        page = key if key in OWN_PAGES else "job"
        for spec in specs_in(field.annotation):
            _add(spec, page, found)
    return found


def _add(spec: type[Spec], page: str, found: dict[type[Spec], str]) -> None:
    if spec not in found:
        found[spec] = page
        for field in spec.model_fields.values():
            for below in specs_in(field.annotation):
                _add(below, page, found)


def specs_in(annotation: Any) -> Iterator[type[Spec]]:
    """Yield the specs that an annotation names."""
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        yield annotation
    else:
        for part in get_args(annotation):
            yield from specs_in(part)


def section(spec: type[Spec], home: dict[type[Spec], str]) -> str:
    """Return a heading, the description and the table of one spec's fields."""
    words = re.findall("[A-Z][a-z]+", spec.__name__.removesuffix("Spec"))
    word = name_of(spec) or " ".join(words).lower()
    lines = [f"## {word} {{#{spec.__name__.lower()}}}", "", escaped(inspect.getdoc(spec) or ""), ""]
    texts = field_texts(spec)
    rows = [
        f"| `{key}` | {values(field.annotation, home)} | {default(field)} | {texts.get(key, '')} |"
        for key, field in spec.model_fields.items()
        if key != "name" or not name_of(spec)
    ]
    if rows:
        lines += ["| field | values | default | |", "|---|---|---|---|", *rows, ""]
    return "\n".join(lines)


def name_of(spec: type[Spec]) -> str:
    """Return the `name` by which a job asks for this spec, or an empty text."""
    field = spec.model_fields.get("name")
    return field.default if field and get_origin(field.annotation) is Literal else ""


def field_texts(spec: type[Spec]) -> dict[str, str]:
    """Return the docstring below each field, also of the classes that the spec inherits from."""
    texts: dict[str, str] = {}
    for owner in reversed(spec.__mro__):
        if not (issubclass(owner, Spec) and owner is not Spec):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0].body  # type: ignore[attr-defined]
        for line, after in pairwise(body):
            if (
                isinstance(line, ast.AnnAssign)
                and isinstance(line.target, ast.Name)
                and isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
            ):
                texts[line.target.id] = cell(str(after.value.value))
    return texts


def values(annotation: Any, home: dict[type[Spec], str]) -> str:
    """Return the values that an annotation allows, in words; specs are links."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        shown = name_of(annotation) or "fields"
        return f"[{shown}]({home[annotation]}.md#{annotation.__name__.lower()})"
    if origin is Annotated:
        return values(parts[0], home)
    if origin is Literal:
        return ", ".join(f"`{part}`" for part in parts)
    if origin in (Union, types.UnionType):
        return ", ".join(dict.fromkeys(values(part, home) for part in parts))
    if origin is tuple and parts[-1] is not Ellipsis:
        return f"[{', '.join(values(part, home) for part in parts)}]"
    if origin in (tuple, list):
        return f"list of {values(parts[0], home)}"
    if origin is dict:
        return f"mapping of {values(parts[0], home)} to {values(parts[1], home)}"
    return WORDS.get(annotation, "any value")


def default(field: FieldInfo) -> str:
    """Return a field's default as YAML."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, tuple) and len(value) > 6:
        return "see `raytrain schema`"
    text = yaml.safe_dump(_plain(value), default_flow_style=True, width=1000, sort_keys=False)
    return f"`{' '.join(text.removesuffix('...' + chr(10)).split())}`"


def _plain(value: Any) -> Any:
    """Return a default as YAML has it; of a spec, the name and the fields that differ."""
    if isinstance(value, Spec):
        name = {"name": name_of(type(value))} if name_of(type(value)) else {}
        return name | value.model_dump(mode="json", exclude_defaults=True)
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    return value


def cell(text: str) -> str:
    """Return a text as a cell of a table."""
    return escaped(" ".join(text.split()).replace("|", "\\|"))


def escaped(text: str) -> str:
    """Return a text in which `<` outside of code is no tag."""
    parts = text.split("`")
    return "`".join(part if at % 2 else part.replace("<", "&lt;") for at, part in enumerate(parts))


def commands_page() -> str:
    """Return the page of all commands, from their help."""
    lines = [
        "# Commands", "",
        "`raytrain COMMAND --help` prints the same. Exit codes: 0 done, 1 failed, 2 wrong usage, "
        "130 interrupted, 143 terminated.", "",
    ]  # fmt: skip
    for name, command in every_command(get_command(app)).items():
        lines += [f"## raytrain {name}", "", escaped(inspect.cleandoc(command.help or "")), ""]
        lines += [*_parameters(command), ""]
    return "\n".join(lines)


def _parameters(command: TyperCommand) -> list[str]:
    rows = []
    for each in command.params:
        if isinstance(each, TyperArgument):
            shown = f"`{each.name.upper()}`" + ("" if each.required else " (optional)")
        elif isinstance(each, TyperOption) and each.name != "help":
            shown = ", ".join(f"`{word}`" for word in each.opts)
        else:
            continue
        rows.append(f"| {shown} | {cell(each.help or '')} |")
    return ["| | |", "|---|---|", *rows] if rows else []


def on_files(files: Any, config: Any) -> Any:
    """Add the generated pages to the site (mkdocs calls this)."""
    from mkdocs.structure.files import File

    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files
