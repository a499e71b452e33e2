"""`models`, `losses` and `metrics`: what a job file may name, from the specs themselves."""

import inspect
import json
import textwrap
from collections.abc import Iterable
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from raytrain.config.base import Spec
from raytrain.config.losses import LossTerm
from raytrain.config.metrics import AnyMetricSpec
from raytrain.config.models import ModelSpec
from raytrain.config.names import SMP_DECODERS, SMP_ENCODERS

WIDTH = 100
LOSS_EXAMPLE = """trial:
  loss: [{name: cross_entropy, class_weights: computed}, {name: dice, weight: 0.5}]
  loss: [{name: bce_with_logits}, {name: lovasz}]          # where classes overlap"""
METRIC_EXAMPLE = """competition:
  metric: dice                                 # mean over images and foreground classes
  metric: {name: dice, over: set, empty: skip}
  metric: {name: hausdorff, percentile: 95}
  metric: {name: weighted, terms: [{weight: 0.7, metric: dice}, {weight: 0.3, metric: iou}]}"""


def models_text() -> str:
    """Every network with an example, and the names that smp's take."""
    lists = [
        f"smp's decoders: {', '.join(SMP_DECODERS)}",
        f"smp's encoders: {', '.join(SMP_ENCODERS)}, drn_d_54, tu-<any of timm's>",
    ]
    head = "One of these under trial.model."
    return _joined([head, *_described(get_args(get_args(ModelSpec)[0])), *map(_wrapped, lists)])


def losses_text() -> str:
    """Every term of a loss."""
    head = "A list of these under trial.loss; the loss is their weighted sum."
    return _joined([head, LOSS_EXAMPLE, *_described(get_args(get_args(LossTerm)[0]))])


def metrics_text() -> str:
    """Every metric."""
    head = "One of these under competition.metric; each is better the higher it is."
    return _joined([head, METRIC_EXAMPLE, *_described(get_args(AnyMetricSpec))])


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(parts)


def _described(specs: tuple[type[Spec], ...]) -> list[str]:
    """Of each spec its name, what it is, and its parameters with their defaults."""
    return [
        "\n".join([
            spec.model_fields["name"].default,
            *(f"  {line}" for line in (inspect.getdoc(spec) or "").splitlines() if line),
            *(_wrapped(f"  {key}: {_default(field)}")
              for key, field in spec.model_fields.items() if key != "name"),
        ])
        for spec in specs
    ]  # fmt: skip


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent="    ", break_on_hyphens=False)


def _default(field: FieldInfo) -> str:
    """The default as YAML, then what else there is to choose from."""
    if field.is_required():
        return "(required)"
    default = json.dumps(field.default).strip('"')
    others = [choice for choice in _choices(field.annotation) if choice != default]
    return f"{default}  (or {', '.join(others)})" if others else default


def _choices(annotation: Any) -> list[str]:
    """The words and numbers that literals name."""
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    return [choice for part in get_args(annotation) for choice in _choices(part)]
