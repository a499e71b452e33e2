"""The RayCluster of jobs/kubernetes, and the RayJobs that `launch --kuberay` prints with it."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from ray.autoscaler._private.kuberay.autoscaling_config import (
    _derive_autoscaling_config_from_ray_cr,
)

from raytrain.cluster.autoscaling import launcher_ceiling
from raytrain.cluster.kuberay import manifests
from raytrain.cluster.launch import Order
from raytrain.config.job import JobSpec
from tests.commands import raytrain
from tests.support import write_job

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "jobs" / "kubernetes" / "raycluster.yaml"
FIELDS: dict[str, dict[str, str]] = yaml.safe_load(
    (ROOT / "tests" / "kubernetes_fields.yaml").read_text()
)
PLAIN = ("string", "integer", "number", "boolean")


def schema_of(word: str) -> dict[str, Any]:
    """The JSON schema of a type in `kubernetes_fields.yaml`."""
    if word == "any":
        return {}
    if word in PLAIN:
        return {"type": word}
    if "|" in word:
        return {"enum": word.split("|")}
    if word[0] == "[":
        return {"type": "array", "items": schema_of(word[1:-1])}
    if word[0] == "{":
        return {"type": "object", "additionalProperties": schema_of(word[1:-1])}
    assert word in FIELDS, word
    return {"$ref": f"#/$defs/{word}"}


DEFS = {
    name: {
        "type": "object",
        "additionalProperties": False,
        "required": [key[:-1] for key in fields if key[-1] == "!"],
        "properties": {key.rstrip("!"): schema_of(word) for key, word in fields.items()},
    }
    for name, fields in FIELDS.items()
}


def problems(tree: dict[str, Any]) -> list[str]:
    """What is wrong with an object, by the fields of its kind."""
    validator = Draft202012Validator({"$ref": f"#/$defs/{tree['kind']}", "$defs": DEFS})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(tree)]


def printed(*words: object) -> list[dict[str, Any]]:
    """The objects that `launch --kuberay` prints."""
    done = raytrain("launch", *words, "--kuberay", CLUSTER)
    assert done.returncode == 0, done.stderr
    assert "&id" not in done.stdout
    return [*yaml.safe_load_all(done.stdout)]


def test_the_cluster_has_only_known_fields_and_grows_from_nothing() -> None:
    tree = yaml.safe_load(CLUSTER.read_text())
    assert problems(tree) == []
    assert tree["spec"]["authOptions"]["mode"] == "token"
    assert "kueue.x-k8s.io/queue-name" in tree["metadata"]["labels"]
    pods = [g["template"]["spec"] for g in
            (tree["spec"]["headGroupSpec"], *tree["spec"]["workerGroupSpecs"])]  # fmt: skip
    for pod in pods:
        volumes = {volume["name"] for volume in pod["volumes"]}
        mounts = {m["name"]: m["mountPath"] for m in pod["containers"][0]["volumeMounts"]}
        assert mounts.keys() == volumes
        assert mounts["shm"] == "/dev/shm"
        assert pod["securityContext"]["runAsNonRoot"]
    tree["metadata"]["namespace"] = "default"
    config = _derive_autoscaling_config_from_ray_cr(tree)
    assert all(kind["min_workers"] == 0 for kind in config["available_node_types"].values())
    assert launcher_ceiling(config).fits({"CPU": 4, "GPU": 1, "memory": 16e9}) == 8


@pytest.mark.parametrize(
    ("place", "key", "value", "text"),
    [
        ([], "rayVerson", "2", r"\$\.spec: .*'rayVerson' was unexpected"),
        (["authOptions"], "mode", "tokens", r"mode: 'tokens' is not one of"),
        (["workerGroupSpecs", 0], "maxReplicas", "8", "maxReplicas: '8' is not of type 'integer'"),
        (["headGroupSpec", "template", "spec", "containers", 0], "iamge", "x", "'iamge' was unex"),
    ],
)
def test_a_wrong_field_is_found(place: list[Any], key: str, value: str, text: str) -> None:
    tree = yaml.safe_load(CLUSTER.read_text())
    found = tree["spec"]
    for step in place:
        found = found[step]
    found[key] = value
    assert re.search(text, "\n".join(problems(tree)))


def test_a_command_with_a_job_is_printed_with_the_job(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("LOSSES = {}\n")
    job = write_job(tmp_path, tmp_path / "runs", extend="own.py")
    config, rayjob = printed("run", job, "--set", "run=Second", "--budget", "2h")
    assert (problems(config), problems(rayjob)) == ([], [])
    name = config["metadata"]["name"]
    assert name == rayjob["metadata"]["name"] == "phantom-second-run"
    assert rayjob["metadata"]["labels"]["kueue.x-k8s.io/queue-name"]
    spec = rayjob["spec"]
    assert spec["shutdownAfterJobFinishes"]
    head = spec["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    (volume,) = [v for v in head["volumes"] if "configMap" in v]
    (mount,) = [m for m in head["containers"][0]["volumeMounts"] if m["name"] == volume["name"]]
    # The files as the head sees them.
    for item in volume["configMap"]["items"]:
        path = tmp_path / "head" / item["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(config["data"][item["key"]])
    words = shlex.split(spec["entrypoint"])
    assert words[:4] == ["python", "-m", "raytrain", "run"]
    assert words[4:] == [f"{mount['mountPath']}/job.yaml", "--budget", "2h"]
    done = raytrain("check", tmp_path / "head" / "job.yaml", "--set", "trial.epochs=1")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "phantom" / "Second" / "data.json").is_file()


def test_a_command_without_a_job_is_one_object() -> None:
    (rayjob,) = printed("leaderboard", "/shared/runs/phantom/default")
    assert problems(rayjob) == []
    assert rayjob["spec"]["entrypoint"].endswith("leaderboard /shared/runs/phantom/default")


@pytest.mark.parametrize(
    ("competition", "name"),
    [
        ("2024_Hearts.v2", "raytrain-2024-hearts-v2-default-run"),
        ("h" * 60, r"h{40}-[0-9a-f]{6}"),
        ("h" * 39 + "_" + "h" * 9, r"h{39}-[0-9a-f]{6}"),
    ],
)
def test_names_are_those_of_kubernetes(competition: str, name: str) -> None:
    job = JobSpec.model_validate(
        {"competition": {"name": competition, "data": "/data", "classes": ["a", "b"]},
         "storage": "/shared/runs"}
    )  # fmt: skip
    found = manifests(Order(("run", "job.yaml"), job), CLUSTER)
    assert {tree["metadata"]["name"] for tree in found} == {found[0]["metadata"]["name"]}
    assert re.fullmatch(name, found[0]["metadata"]["name"])


def test_what_cannot_run_there_is_refused_here(tmp_path: Path) -> None:
    job = write_job(tmp_path, tmp_path / "runs")
    for words, text in (
        ((job, "--kuberay", job), "this is no RayCluster; give the file of one"),
        ((job, "--kuberay", CLUSTER, "--set", "storage=runs"), "storage: 'runs' is relative"),
    ):
        done = raytrain("launch", "run", *words)
        assert (done.returncode, done.stdout) == (1, "")
        assert text in done.stderr
