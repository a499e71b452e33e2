"""A raytrain command as a RayJob of KubeRay, with a cluster of its own."""

import copy
import re
import shlex
import tempfile
from pathlib import Path
from typing import Any

import yaml

from raytrain.cluster.jobs import ASKED, NAME
from raytrain.cluster.launch import JOB_FILE, Order, refuse_relative
from raytrain.runs.extensions import write_job
from raytrain.runs.messages import shows_details

FOLDER = "/etc/raytrain"
"""Where the head has the resolved job."""
LONGEST_NAME = 47
"""KubeRay appends to the name of a RayJob, and Kubernetes allows 63 characters."""
KEPT_S = 600
"""Seconds for which the cluster of an ended job stays, so that a person can look at it."""


def manifests(order: Order, cluster: Path) -> list[dict[str, Any]]:
    """Return what runs the command on the RayCluster of a YAML file: a ConfigMap with its job, if
    it has one, and a RayJob.

    The package is that of the image. Raises ValueError if the file is no RayCluster, or if a path
    is relative.
    """
    refuse_relative(order)
    tree = _read(cluster)
    name = _name(order)
    spec = copy.deepcopy(tree["spec"])
    files = _files(order)
    if files:
        _mount(spec, name, files)
    details = ["--verbose"] if shows_details() else []
    words = [f"{FOLDER}/{word}" if word == JOB_FILE else word for word in order.words]
    given = tree.get("metadata", {})
    kept = {key: given[key] for key in ("namespace", "labels", "annotations") if key in given}
    job = {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": {"name": name, **kept},
        "spec": {
            "entrypoint": shlex.join(["python", "-m", "raytrain", *details, *words]),
            "runtimeEnvYAML": yaml.safe_dump({"env_vars": {"PYTHONUNBUFFERED": "1"}}),
            "metadata": {NAME: order.name, ASKED: order.digest},
            "shutdownAfterJobFinishes": True,
            "ttlSecondsAfterFinished": KEPT_S,
            # With a new cluster, the same command continues its run.
            "backoffLimit": 1,
            "rayClusterSpec": spec,
        },
    }
    return [_config_map(name, kept, files), job] if files else [job]


def text_of(manifests: list[dict[str, Any]]) -> str:
    """Return the manifests as YAML for `kubectl apply`."""
    return yaml.dump_all(manifests, Dumper=_Plain, sort_keys=False)


class _Plain(yaml.SafeDumper):
    """Writes YAML without aliases, and each text of several lines as a block of lines."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        style = "|" if "\n" in data else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style)


_Plain.add_representer(str, _Plain.represent_str)


def _read(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text())
    if not isinstance(found, dict) or found.get("kind") != "RayCluster" or "spec" not in found:
        raise ValueError(
            f"{path}: this is no RayCluster; give the file of one, such as "
            "jobs/kubernetes/raycluster.yaml"
        )
    return found


def _name(order: Order) -> str:
    """Return a name that Kubernetes allows, also for the services of the job's cluster."""
    name = re.sub(r"[^a-z0-9]+", "-", order.name.lower()).strip("-")
    if not name[:1].isalpha():
        name = f"raytrain-{name}"
    if len(name) > LONGEST_NAME:
        name = f"{name[: LONGEST_NAME - 7].rstrip('-')}-{order.digest[:6]}"
    return name


def _files(order: Order) -> dict[str, str]:
    """Return path -> text of the resolved job and of the Python files in its `extend`."""
    if order.job is None:
        return {}
    with tempfile.TemporaryDirectory(prefix="raytrain-launch-") as folder:
        write_job(order.job, Path(folder))
        paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_text("utf-8") for path in paths}


def _mount(spec: dict[str, Any], name: str, files: dict[str, str]) -> None:
    """Add the ConfigMap to the head, which runs the command."""
    pod = spec["headGroupSpec"]["template"]["spec"]
    items = [{"key": _key(path), "path": path} for path in files]
    volume = {"name": "raytrain-job", "configMap": {"name": name, "items": items}}
    mount = {"name": volume["name"], "mountPath": FOLDER, "readOnly": True}
    pod["volumes"] = [*pod.get("volumes", []), volume]
    head = pod["containers"][0]
    head["volumeMounts"] = [*head.get("volumeMounts", []), mount]


def _config_map(name: str, kept: dict[str, Any], files: dict[str, str]) -> dict[str, Any]:
    place = {"name": name, **{key: kept[key] for key in ("namespace",) if key in kept}}
    data = {_key(path): text for path, text in files.items()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": place, "data": data}


def _key(path: str) -> str:
    """Return a key that Kubernetes allows, for a path."""
    return re.sub(r"[^\w.-]", ".", path)
