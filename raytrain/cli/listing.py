"""`models`, `losses` and `metrics`: the names for job files, from the specs themselves."""

import inspect
import json
import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from raytrain.config.base import Spec
from raytrain.config.errors import config_error, problems_of, unknown_name
from raytrain.config.losses import LossTerm
from raytrain.config.metrics import AnyMetricSpec
from raytrain.config.models import ModelSpec
from raytrain.config.names import SMP_DECODERS, SMP_ENCODERS
from raytrain.config.trial import TrialSpec
from raytrain.config.yaml_text import read_yaml

WIDTH = 100
SIDES = (96, 256, 512)
"""Image sides in px for which multiply-adds are counted."""
CHANNELS, CLASSES = 1, 4
NETWORKS: dict[str, type[Spec]] = {
    spec.model_fields["name"].default: spec for spec in get_args(get_args(ModelSpec)[0])
}
_ALL = tuple(NETWORKS.values())
LOSS_EXAMPLE = """trial:
  loss: [{name: cross_entropy, class_weights: computed}, {name: dice, weight: 0.5}]
  loss: [{name: bce_with_logits}, {name: lovasz}]          # where classes overlap"""
METRIC_EXAMPLE = """competition:
  metric: dice                                 # mean over images and foreground classes
  metric: {name: dice, over: set, empty: skip}
  metric: {name: hausdorff, percentile: 95}
  metric: {name: weighted, terms: [{weight: 0.7, metric: dice}, {weight: 0.3, metric: iou}]}"""


def models_text() -> str:
    """Return every network with an example, and the names of smp's decoders and encoders."""
    lists = [
        f"smp's decoders: {', '.join(SMP_DECODERS)}",
        f"smp's encoders: {', '.join(SMP_ENCODERS)}, drn_d_54, tu-<any of timm's>",
    ]
    head = (
        "Put one of these under trial.model. The costs of the examples are listed at the end; "
        "`raytrain models '{name: ...}'` prints those of any other network."
    )
    return _joined([_wrapped(head), *_described(_ALL), *map(_wrapped, lists)])


def all_costs() -> Iterator[str]:
    """Yield the lines of a table of costs, one per example of `models_text`."""
    return _costs(_specs([example for text in _described(_ALL) for example in _examples(text)]))


def model_text(words: str) -> str:
    """Return a network with its costs: the YAML in `words`, or the examples of a name.

    Raises ValueError when there is no such network or parameter.
    """
    if words in NETWORKS:
        text = _described((NETWORKS[words],))[0]
        costs = "\n".join(_costs(_specs(_examples(text))))
        return _joined([text, costs])
    if not words.lstrip().startswith("{"):
        raise ValueError(f"models: {unknown_name(words, NETWORKS)}")
    return "\n".join(_costs(_specs([read_yaml(f"models {words}", words)])))


def _specs(trees: list[Any]) -> list[tuple[str, ModelSpec]]:
    """Return each spec with the YAML that gives it."""
    found: list[tuple[str, ModelSpec]] = []
    for tree in trees:
        try:
            spec = TrialSpec.model_validate({"model": tree}).model
        except ValidationError as error:
            raise config_error("models", problems_of(error, TrialSpec)) from None
        found.append(
            (
                yaml.safe_dump(tree, default_flow_style=True, sort_keys=False, width=1000).strip(),
                spec,
            )
        )
    return found


def _examples(text: str) -> list[Any]:
    return [read_yaml(example, example) for example in re.findall(r"`(\{name: [^`]*\})`", text)]


def _costs(specs: list[tuple[str, ModelSpec]]) -> Iterator[str]:
    """Yield a table of parameters and multiply-adds per image; `-`: the size is refused."""
    from raytrain.models.costs import costs

    head = "".join(f"{f'{side}x{side}':>10}" for side in SIDES)
    yield f"Parameters, and multiply-adds of one image ({CHANNELS} channel, {CLASSES} classes)."
    yield f"{'parameters':>14}{head}"
    for text, spec in specs:
        parameters, counts = costs(spec, CHANNELS, CLASSES, SIDES)
        shown = "".join(f"{'-' if n is None else f'{n / 1e9:.2f} G':>10}" for n in counts)
        yield f"{parameters:>14,}{shown}  {text}"


def losses_text() -> str:
    """Return the description of every loss term."""
    head = "Put a list of these under trial.loss; the loss is their weighted sum."
    return _joined([head, LOSS_EXAMPLE, *_described(get_args(get_args(LossTerm)[0]))])


def metrics_text() -> str:
    """Return the description of every metric."""
    head = "Put one of these under competition.metric; for all of them, higher is better."
    return _joined([head, METRIC_EXAMPLE, *_described(get_args(AnyMetricSpec))])


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(parts)


def _described(specs: tuple[type[Spec], ...]) -> list[str]:
    """Return the name, description, and parameters with defaults of each spec."""
    return [
        "\n".join([
            spec.model_fields["name"].default,
            *(f"  {line}" for line in _doc(spec).splitlines() if line),
            *(_wrapped(f"  {key}: {_default(field)}")
              for key, field in spec.model_fields.items() if key != "name"),
        ])
        for spec in specs
    ]  # fmt: skip


def _doc(spec: type[Spec]) -> str:
    """Return the description, which contains or ends with the YAML to use the spec."""
    text = inspect.getdoc(spec) or ""
    name = spec.model_fields["name"].default
    return text if f"`{{name: {name}" in text else f"{text}\n`{{name: {name}}}`"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent="    ", break_on_hyphens=False)


def _default(field: FieldInfo) -> str:
    """Return the default as YAML, followed by the other choices."""
    if field.is_required():
        return "(required)"
    default = json.dumps(field.default).strip('"')
    others = [choice for choice in _choices(field.annotation) if choice != default]
    return f"{default}  (or {', '.join(others)})" if others else default


def _choices(annotation: Any) -> list[str]:
    """Return the words and numbers in the literals of an annotation."""
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    return [choice for part in get_args(annotation) for choice in _choices(part)]
