"""The files for Ray's launcher are what it accepts, and grow from no GPU at all."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from raytrain.cluster.autoscaling import launcher_ceiling

ROOT = Path(__file__).parents[2]
CLOUDS = {name: ROOT / name for name in ("cluster.yaml", "jobs/clusters/gcp.yaml")}
FILES = CLOUDS | {"jobs/clusters/local.yaml": ROOT / "jobs/clusters/local.yaml"}

every_file = pytest.mark.parametrize("path", FILES.values(), ids=FILES)
every_cloud = pytest.mark.parametrize("path", CLOUDS.values(), ids=CLOUDS)


def accepted(path: Path) -> dict[str, Any]:
    """A file as Ray's launcher reads it."""
    config = prepare_config(yaml.safe_load(path.read_text()))
    validate_config(config)
    return config


@every_file
def test_ray_accepts_the_file(path: Path) -> None:
    config = accepted(path)
    options = config["docker"]["run_options"]
    assert "--env=RAY_AUTH_MODE=token" in options
    assert any("--shm-size" in option for option in options)
    (token,) = [place for place, source in config["file_mounts"].items() if "auth_token" in source]
    assert token == "/home/ray/.ray/auth_token"
    (start,) = [line for line in config["head_start_ray_commands"] if "ray start" in line]
    assert "--dashboard-host=127.0.0.1" in start
    assert "--autoscaling-config=~/ray_bootstrap_config.yaml" in start
    # Whatever else a node needs is in the image.
    assert config["setup_commands"] == config["worker_setup_commands"] == []


@every_file
def test_three_places_are_to_be_edited(path: Path) -> None:
    text = path.read_text()
    assert re.findall(r"EDIT (\d) of 3", text) == ["1", "2", "3"]
    assert "ray down" in text


@every_cloud
def test_a_cloud_goes_to_nothing_and_grows_on_spot_machines_first(path: Path) -> None:
    config = accepted(path)
    kinds = config["available_node_types"]
    assert kinds["head"]["resources"]["CPU"] == 0
    assert all(kind["min_workers"] == 0 for kind in kinds.values())
    # A job with a GPU is feasible although no node has one.
    assert launcher_ceiling(config).fits({"CPU": 4, "GPU": 1, "memory": 16e9}) == 8
    assert kinds["spot"]["priority"] > kinds["on_demand"]["priority"]
    assert kinds["spot"]["resources"] == kinds["on_demand"]["resources"]
    for name in ("spot", "on_demand"):
        assert "--gpus=all" in kinds[name]["docker"]["worker_run_options"]
        assert ("spot" in repr(kinds[name]["node_config"]).lower()) == (name == "spot")
    assert "an hour" in path.read_text()


def test_own_machines_are_all_used() -> None:
    config = accepted(FILES["jobs/clusters/local.yaml"])
    (kind,) = config["available_node_types"].values()
    assert kind["min_workers"] == kind["max_workers"] == 2
    assert "--gpus=all" in config["docker"]["run_options"]
    ceiling = launcher_ceiling(config)
    assert [ceiling.is_open(living) for living in (1, 2, 3)] == [True, True, False]


def with_variant(text: str) -> str:
    """The text with the items of lists that are comments."""
    lines, inside = [], False
    for line in text.splitlines():
        inside = bool(re.match(r" +# - ", line) or (inside and re.match(r" +#   \S", line)))
        lines.append(line.replace("# ", "", 1) if inside else line)
    return "\n".join(lines)


@every_file
def test_the_variant_in_comments_is_valid_too(path: Path) -> None:
    config = prepare_config(yaml.safe_load(with_variant(path.read_text())))
    validate_config(config)
    options = config["docker"]["run_options"]
    assert len(options) > len(accepted(path)["docker"]["run_options"])
    assert "--volume=/shared:/shared" in options
    if path in CLOUDS.values():
        assert "mount -t nfs" in config["initialization_commands"][-1]


@every_file
def test_ray_refuses_a_misspelt_key(path: Path) -> None:
    config = yaml.safe_load(path.read_text()) | {"max_worker": 3}
    with pytest.raises(Exception, match="max_worker"):
        validate_config(prepare_config(config))
