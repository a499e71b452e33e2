"""`metrics`: what `competition.metric` may say, from the specs themselves."""

import inspect
import json
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from raytrain.config.base import Spec
from raytrain.config.metrics import AnyMetricSpec

EXAMPLE = """competition:
  metric: dice                                 # mean over images and foreground classes
  metric: {name: dice, over: set, empty: skip}
  metric: {name: hausdorff, percentile: 95}
  metric: {name: weighted, terms: [{weight: 0.7, metric: dice}, {weight: 0.3, metric: iou}]}"""


def metrics_text() -> str:
    """Each metric's name, what it is, and its parameters with their defaults."""
    parts = ["One of these under competition.metric; each is better the higher it is.", EXAMPLE]
    for spec in get_args(AnyMetricSpec):
        fields = {key: field for key, field in spec.model_fields.items() if key != "name"}
        lines = [spec.model_fields["name"].default, f"    {_summary(spec)}"]
        lines += [f"    {key}: {_default(field)}" for key, field in fields.items()]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _summary(spec: type[Spec]) -> str:
    return " ".join(inspect.getdoc(spec).split())  # type: ignore[union-attr]  # all have one


def _default(field: FieldInfo) -> str:
    """The default as YAML, then what else there is to choose from."""
    if field.is_required():
        return "(required)"
    default = json.dumps(field.default).strip('"')
    others = [choice for choice in _choices(field.annotation) if choice != default]
    return f"{default}   # or {', '.join(others)}" if others else default


def _choices(annotation: Any) -> list[str]:
    """The words and numbers that literals name."""
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    return [choice for part in get_args(annotation) for choice in _choices(part)]
