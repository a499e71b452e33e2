"""Count the costs of the networks that `raytrain models` shows: `python -m tests.costs`."""

import json

import yaml

from raytrain.cli.listing import RECORDED, counted_costs, networks
from raytrain.config.trial import TrialSpec


def example_costs() -> dict[str, list]:
    """Return the YAML of each example -> its parameters, and its multiply-adds by size."""
    trees = [yaml.safe_load(text) for each in networks().entries for text in each.examples]
    found = {}
    for tree in trees:
        text = yaml.safe_dump(tree, default_flow_style=True, sort_keys=False, width=1000).strip()
        found[text] = [*counted_costs(TrialSpec.model_validate({"model": tree}).model)]
    return found


if __name__ == "__main__":
    lines = [f"{json.dumps(text)}: {json.dumps(cost)}" for text, cost in example_costs().items()]
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n")
