"""`models`: the architectures, their parameters and the YAML to use them, for the terminal."""

import inspect
import textwrap
from typing import Any, Literal, get_args, get_origin

from raytrain.config.base import Spec
from raytrain.config.models import ModelSpec
from raytrain.config.names import SMP_DECODERS, SMP_ENCODERS

WIDTH = 100


def models_text() -> str:
    """Every architecture: what it is, an example, and its parameters with their defaults."""
    specs: tuple[type[Spec], ...] = get_args(get_args(ModelSpec)[0])
    lists = [
        f"smp's decoders: {', '.join(SMP_DECODERS)}",
        f"smp's encoders: {', '.join(SMP_ENCODERS)}, drn_d_54, tu-<any of timm's>",
    ]
    return "\n\n".join([*(_described(spec) for spec in specs), *(_wrapped(x) for x in lists)])


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _described(spec: type[Spec]) -> str:
    fields = {name: field for name, field in spec.model_fields.items() if name != "name"}
    lines = [
        _wrapped(f"  {name}: {_yaml(field.default)}{_choices(field.annotation)}")
        for name, field in fields.items()
    ]
    return "\n".join([spec.model_fields["name"].default, _indented(inspect.getdoc(spec)), *lines])


def _indented(text: str | None) -> str:
    return "\n".join(f"  {line}" for line in (text or "").splitlines() if line)


def _yaml(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _choices(annotation: Any) -> str:
    """The values of a Literal, also of one that may be null."""
    parts = annotation, *get_args(annotation)
    found = [value for part in parts if get_origin(part) is Literal for value in get_args(part)]
    return f"  ({', '.join(map(str, found))})" if found else ""
