"""Count the costs of the networks that `raytrain models` shows: `python -m tests.costs`."""

import json

import yaml

from raytrain.cli.listing import CHANNELS, CLASSES, RECORDED, SIDES, networks
from raytrain.config.trial import TrialSpec
from raytrain.models import costs


def example_costs(sides: tuple[int, ...]) -> dict[str, list]:
    """Return the YAML of each example -> its parameters, and its multiply-adds for these sides."""
    trees = [yaml.safe_load(text) for each in networks().entries for text in each.examples]
    found = {}
    for tree in trees:
        text = yaml.safe_dump(tree, default_flow_style=True, sort_keys=False, width=1000).strip()
        spec = TrialSpec.model_validate({"model": tree}).model
        found[text] = [*costs(spec, CHANNELS, CLASSES, sides)]
    return found


if __name__ == "__main__":
    lines = [
        f"{json.dumps(text)}: {json.dumps(cost)}" for text, cost in example_costs(SIDES).items()
    ]
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n")
