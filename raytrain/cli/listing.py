"""`models`, `losses` and `metrics`: the names that a job file can use, read from the specs."""

import inspect
import json
import re
import textwrap
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

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
"""Sides, in px, of the images for which multiply-adds are counted."""
CHANNELS, CLASSES = 1, 4
RECORDED = Path(__file__).with_name("costs.json")
"""YAML of each example -> its parameters and multiply-adds; `python -m tests.costs` counts them."""
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


@dataclass(frozen=True)
class Entry:
    """A network, loss or metric that a job file can name."""

    name: str
    description: str
    """Description of the entry, with its YAML in backticks."""
    parameters: tuple["Parameter", ...]

    @property
    def text(self) -> str:
        described = [f"  {line}" for line in self.description.splitlines() if line]
        lines = [line for each in self.parameters for line in _wrapped(f"  {each.text}")]
        return "\n".join([self.name, *described, *lines])

    @property
    def examples(self) -> list[str]:
        """The pieces of YAML in the description, each of which selects the entry in a job."""
        return re.findall(r"`(\{name: [^`]*\})`", self.description)


@dataclass(frozen=True)
class Parameter:
    """A parameter of a network, loss or metric."""

    name: str
    required: bool
    default: Any
    choices: tuple[str, ...]
    """Other words and numbers that the parameter accepts."""

    @property
    def text(self) -> str:
        if self.required:
            return f"{self.name}: (required)"
        default = json.dumps(self.default).strip('"')
        others = f"  (or {', '.join(self.choices)})" if self.choices else ""
        return f"{self.name}: {default}{others}"


@dataclass(frozen=True)
class Cost:
    """The costs of a network for images with CHANNELS channels and CLASSES classes."""

    network: str
    """The YAML that selects the network."""
    parameters: int
    multiply_adds: dict[int, int | None]
    """Side of a square image in px -> multiply-adds; None if the network refuses the size."""

    @property
    def text(self) -> str:
        counts = self.multiply_adds.values()
        shown = "".join(f"{'-' if n is None else f'{n / 1e9:.2f} G':>10}" for n in counts)
        return f"{self.parameters:>14,}{shown}  {self.network}"


@dataclass(frozen=True)
class Listing:
    """Names that a job file can use, with an introduction."""

    head: str
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()
    costs: tuple[Cost, ...] = ()

    @property
    def text(self) -> str:
        parts = [self.head, *(each.text for each in self.entries), *self.notes]
        if self.costs:
            parts.append("\n".join([*_costs_head(), *(each.text for each in self.costs)]))
        return "\n\n".join(part for part in parts if part)


def networks() -> Listing:
    """Return every network with an example, and the names of smp's decoders and encoders."""
    head = (
        "Put one of these under trial.model. The costs of the examples are listed at the end; "
        "`raytrain models '{name: ...}'` prints those of any other network."
    )
    lists = (
        f"smp's decoders: {', '.join(SMP_DECODERS)}",
        f"smp's encoders: {', '.join(SMP_ENCODERS)}, drn_d_54, tu-<any of timm's>",
    )
    notes = tuple("\n".join(_wrapped(each)) for each in lists)
    return Listing("\n".join(_wrapped(head)), _described(_ALL), notes)


def with_costs(listing: Listing) -> Listing:
    """Return a listing with the costs of the networks in its examples."""
    examples = [yaml for each in listing.entries for yaml in each.examples]
    return replace(listing, costs=_costs([read_yaml(each, each) for each in examples]))


def network(words: str) -> Listing:
    """Return a network with its costs. `words` is the YAML of a network, or a name, whose examples
    are shown.

    Raises ValueError when there is no such network or parameter.
    """
    if words in NETWORKS:
        return with_costs(Listing("", _described((NETWORKS[words],))))
    if not words.lstrip().startswith("{"):
        raise ValueError(f"models: {unknown_name(words, NETWORKS)}")
    return Listing("", (), (), _costs([read_yaml(f"models {words}", words)]))


def _costs(trees: list[Any]) -> tuple[Cost, ...]:
    """Return the costs of the networks that these YAML trees describe. Those of the examples are
    recorded, because counting all of them takes half a minute."""
    recorded = json.loads(RECORDED.read_text())
    found = []
    for text, spec in _specs(trees):
        parameters, counts = recorded[text] if text in recorded else counted_costs(spec)
        found.append(Cost(text, parameters, dict(zip(SIDES, counts, strict=True))))
    return tuple(found)


def counted_costs(spec: ModelSpec) -> tuple[int, list[int | None]]:
    """Return a network's number of parameters, and its multiply-adds for each of SIDES."""
    from raytrain.models import costs

    return costs(spec, CHANNELS, CLASSES, SIDES)


def _specs(trees: list[Any]) -> list[tuple[str, ModelSpec]]:
    """Return each spec with the YAML text that describes it. Raises ValueError for a tree that
    describes no network."""
    found: list[tuple[str, ModelSpec]] = []
    for tree in trees:
        try:
            spec = TrialSpec.model_validate({"model": tree}).model
        except ValidationError as error:
            raise config_error("models", problems_of(error, TrialSpec)) from None
        text = yaml.safe_dump(tree, default_flow_style=True, sort_keys=False, width=1000).strip()
        found.append((text, spec))
    return found


def _costs_head() -> tuple[str, str]:
    head = "".join(f"{f'{side}x{side}':>10}" for side in SIDES)
    return (
        f"Parameters, and multiply-adds of one image ({CHANNELS} channel, {CLASSES} classes).",
        f"{'parameters':>14}{head}",
    )


def losses() -> Listing:
    """Return every loss that `trial.loss` can name, with its parameters."""
    head = "Put a list of these under trial.loss; the loss is their weighted sum."
    return Listing(f"{head}\n\n{LOSS_EXAMPLE}", _described(get_args(get_args(LossTerm)[0])))


def metrics() -> Listing:
    """Return every metric that a job can name, with its parameters."""
    head = "Put one of these under competition.metric; for all of them, higher is better."
    return Listing(f"{head}\n\n{METRIC_EXAMPLE}", _described(get_args(AnyMetricSpec)))


def _described(specs: tuple[type[Spec], ...]) -> tuple[Entry, ...]:
    """Return the name, description, and parameters of each spec."""
    return tuple(
        Entry(
            spec.model_fields["name"].default,
            _doc(spec),
            tuple(_parameter(key, f) for key, f in spec.model_fields.items() if key != "name"),
        )
        for spec in specs
    )


def _doc(spec: type[Spec]) -> str:
    """Return the description. It contains the YAML to use the spec."""
    text = inspect.getdoc(spec) or ""
    name = spec.model_fields["name"].default
    return text if f"`{{name: {name}" in text else f"{text}\n`{{name: {name}}}`"


def _wrapped(text: str) -> list[str]:
    return textwrap.fill(
        text, WIDTH, subsequent_indent="    ", break_on_hyphens=False
    ).splitlines()  # fmt: skip


def _parameter(key: str, field: FieldInfo) -> Parameter:
    if field.is_required():
        return Parameter(key, True, None, ())
    default = to_jsonable_python(field.default)
    shown = json.dumps(default).strip('"')
    others = tuple(choice for choice in _choices(field.annotation) if choice != shown)
    return Parameter(key, False, default, others)


def _choices(annotation: Any) -> list[str]:
    """Return the words and numbers in the literals of an annotation."""
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    return [choice for part in get_args(annotation) for choice in _choices(part)]
