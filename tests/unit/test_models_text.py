"""`raytrain models`: every network is listed, and every example can be pasted."""

import json
import re

import pytest
import yaml
from pydantic import TypeAdapter

from raytrain.cli import listing
from raytrain.cli.listing import RECORDED, SIDES, network, networks, with_costs
from raytrain.config.models import ModelSpec
from raytrain.models import ARCHITECTURES, refusal
from tests.costs import example_costs
from tests.model_cases import SYSTEMS

EXAMPLES = re.findall(r"`(\{name: [^`]*\})`", networks().text)


def test_it_lists_every_network_with_an_example() -> None:
    heads = [line for line in networks().text.splitlines() if line in ARCHITECTURES]
    assert heads == list(ARCHITECTURES)
    assert {yaml.safe_load(text)["name"] for text in EXAMPLES} == set(ARCHITECTURES)
    assert "\n  activation: relu  (or leaky_relu" in networks().text
    assert max(map(len, networks().text.splitlines())) <= 100


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_can_be_pasted(text: str) -> None:
    spec = TypeAdapter(ModelSpec).validate_python(yaml.safe_load(text))
    if spec not in SYSTEMS:  # those are tried elsewhere
        assert refusal(spec, 1, 4, 96, 96) is None


def test_costs_worked_by_hand() -> None:
    """A U-Net of one step down, its kernels 1x1."""
    words = "{name: unet, depth: 1, convs: 1, kernel: 1, width: 2, norm: none, bias: true}"
    lines = network(words).text.splitlines()
    parameters = (1 * 2 + 2) + (2 * 4 + 4) + (4 * 2 * 4 + 2) + (4 * 2 + 2) + (2 * 4 + 4)
    # An image's pixels: the first stage, the head's and the joint one; a quarter of them: the
    # bottleneck and the transposed one, which gives 4 pixels for each.
    each = 1 * 2 + 4 * 2 + 2 * 4 + (2 * 4 + 4 * 2 * 4) / 4
    counts = "".join(f"{f'{each * side**2 / 1e9:.2f} G':>10}" for side in (96, 256, 512))
    assert lines[-1] == f"{parameters:>14,}{counts}  {words}"
    assert lines[-2].split() == ["parameters", "96x96", "256x256", "512x512"]


def test_every_example_is_told_with_its_costs() -> None:
    _, head, *lines = with_costs(networks()).text.split("\n\n")[-1].splitlines()
    assert head.split()[1:] == ["96x96", "256x256", "512x512"]
    assert [yaml.safe_load(line[line.index("{") :]) for line in lines] == [
        yaml.safe_load(text) for text in EXAMPLES
    ]
    assert "69,831,172" in [line.split()[0] for line in lines]


def test_the_costs_of_all_examples_are_read_and_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listing, "counted_costs", lambda spec: pytest.fail(f"counts {spec}"))
    assert len(with_costs(networks()).costs) == len(EXAMPLES)


@pytest.mark.slow
def test_the_recorded_costs_are_those_of_the_networks() -> None:
    """The smallest of the sizes is counted; `python -m tests.costs` counts all of them."""
    recorded = {
        text: [parameters, counts[:1]]
        for text, (parameters, counts) in json.loads(RECORDED.read_text()).items()
    }
    assert recorded == example_costs(SIDES[:1]), "run python -m tests.costs"


def test_a_name_shows_its_example_and_what_it_costs() -> None:
    lines = network("unet_a").text.splitlines()
    assert lines[0] == "unet_a"
    assert lines[-1].split()[0] == "69,831,172"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("unetx", "models: unknown 'unetx'; did you mean 'unet'"),
        ("{name: unet, widht: 3}", "unknown key 'widht'; did you mean 'width'"),
        ("{name: unet", "not valid YAML"),
        ("{name: smp, encoder: tu-resnet81}", "unet-tu-resnet81: .*did you mean 'resnet18'"),
    ],
)
def test_what_there_is_not(words: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        network(words)
