"""cluster.yaml is what Ray's own launcher accepts."""

from pathlib import Path

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

FILE = Path(__file__).parents[2] / "cluster.yaml"


def test_ray_accepts_the_cluster_file() -> None:
    config = prepare_config(yaml.safe_load(FILE.read_text()))
    validate_config(config)
    workers = config["available_node_types"]["gpu_worker"]
    assert workers["min_workers"] < workers["max_workers"] <= config["max_workers"]
    assert any("/shared" in option for option in config["docker"]["run_options"])


def test_ray_refuses_a_misspelt_key() -> None:
    config = yaml.safe_load(FILE.read_text()) | {"max_worker": 3}
    with pytest.raises(Exception, match="max_worker"):
        validate_config(prepare_config(config))
