"""`raytrain models`: every network is listed, and every example can be pasted."""

import re

import pytest
import yaml
from pydantic import TypeAdapter

from raytrain.config.models import ModelSpec
from raytrain.models import ARCHITECTURES, refusal
from raytrain.pipeline.catalogue import models_text
from tests.model_cases import SYSTEMS

EXAMPLES = re.findall(r"`(\{name: [^`]*\})`", models_text())


def test_it_lists_every_network_with_an_example() -> None:
    heads = [line for line in models_text().splitlines() if line in ARCHITECTURES]
    assert heads == list(ARCHITECTURES)
    assert {yaml.safe_load(text)["name"] for text in EXAMPLES} == set(ARCHITECTURES)
    assert "\n  activation: relu  (or leaky_relu" in models_text()
    assert max(map(len, models_text().splitlines())) <= 100


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_can_be_pasted(text: str) -> None:
    spec = TypeAdapter(ModelSpec).validate_python(yaml.safe_load(text))
    if spec not in SYSTEMS:  # those are tried elsewhere
        assert refusal(spec, 1, 4, 96, 96) is None
