"""What is wrong with a node: each fault alone, with its remedy."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from raytrain.cluster import doctor
from raytrain.cluster.doctor import examine, node_faults
from raytrain.config.competition import CompetitionSpec
from raytrain.config.job import JobSpec, ResourcesSpec
from raytrain.engine.node_facts import NodeFacts, node_facts

GOOD = NodeFacts(
    host="head", versions={"python": "3.11.7", "torch": "2.14.1", "ray": "2.60.0", "CUDA": "13.0"},
    gpus=("H100",), gpu_fault="", shm_gb=8.0, cache_gb=100.0, storage_mb_s=200.0,
    storage_fault="", data_fault="", clock_s=1000.0,
)  # fmt: skip
DIGITS = 56
"""Length of Ray's ids of nodes."""
NEED = ResourcesSpec(gpus=1, loaders=2)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"versions": {**GOOD.versions, "torch": "2.13.0"}},
         "torch 2.13.0, and 2.14.1 on head; use one container image for all nodes"),
        ({"gpus": ()}, "Ray offers 1 GPUs, and torch sees 0; install a driver for CUDA 13.0"),
        ({"gpu_fault": "GPU 0: no kernel image"}, "GPU 0: no kernel image; install a driver"),
        ({"shm_gb": 0.06}, "/dev/shm has 0.06 GB free, too little for resources.loaders"),
        ({"cache_gb": 0.4}, "0.4 GB of disk are free for decoded images; free some"),
        ({"storage_fault": "cannot be written: Read-only file system"},
         "the storage cannot be written: Read-only file system; mount it on this node, or give"),
        ({"data_fault": "is empty here"}, "the data is empty here; mount it on this node"),
        ({"clock_s": 1100.0}, "its clock differs by 90 s; start a time service"),
        ({"clock_s": 900.0}, "its clock differs by 90 s"),
    ],
)  # fmt: skip
def test_each_fault_is_named_with_its_remedy(change: dict[str, Any], text: str) -> None:
    facts = replace(GOOD, **change)
    [fault] = node_faults(facts, GOOD, 1, NEED, (990.0, 1010.0))
    assert fault.startswith(text)


def test_a_good_node_and_what_a_job_does_not_need_are_no_faults() -> None:
    assert node_faults(GOOD, GOOD, 1, NEED, (990.0, 1010.0)) == ()
    bare = replace(GOOD, gpus=(), shm_gb=None)
    assert node_faults(bare, GOOD, 0, NEED, (990.0, 1010.0)) == ()
    small = replace(GOOD, gpus=(), shm_gb=0.06)
    assert node_faults(small, GOOD, 1, ResourcesSpec(), (990.0, 1010.0)) == ()
    broken = replace(GOOD, gpu_fault="GPU 0: no kernel image")
    assert node_faults(broken, GOOD, 1, ResourcesSpec(), (990.0, 1010.0)) == ()


class OneAnswerANode:
    """A Ray cluster with a driver on node `b`, whose nodes answer with these facts."""

    exceptions = ray.exceptions

    def __init__(self, answers: dict[str, NodeFacts]):
        self._answers = answers

    def nodes(self) -> list[dict[str, Any]]:
        return [
            {"Alive": True, "NodeID": name * DIGITS, "NodeManagerAddress": name, "Resources": {}}
            for name in self._answers
        ]

    def get_runtime_context(self) -> SimpleNamespace:
        return SimpleNamespace(get_node_id=lambda: "b" * DIGITS)

    def remote(self, function: object) -> SimpleNamespace:
        def options(scheduling_strategy: Any, **others: object) -> SimpleNamespace:
            answer = self._answers[scheduling_strategy.node_id[0]]
            return SimpleNamespace(remote=lambda *values: answer)

        return SimpleNamespace(options=options)

    def wait(self, tasks: list[NodeFacts], **others: object) -> None:
        pass

    def get(self, task: NodeFacts, timeout: float) -> NodeFacts:
        return replace(task, clock_s=time.time())


def test_the_node_with_other_versions_than_the_driver_is_at_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(GOOD, versions={**GOOD.versions, "torch": "2.13.0"})
    cluster = OneAnswerANode({"a": other, "b": GOOD, "c": GOOD})
    monkeypatch.setattr(doctor, "ray", cluster)
    added: list[list[str]] = []

    def added_up(ids: list[str]) -> str:
        added.append(ids)
        return ""

    monkeypatch.setattr(doctor, "reduce_fault", added_up)
    job = JobSpec(
        competition=CompetitionSpec(name="p", data=str(tmp_path), classes=("b", "f")),
        storage=str(tmp_path / "runs"),
    )
    assert [(node.address, bool(node.faults)) for node in examine(job)] == [
        ("b", False), ("a", True), ("c", False),
    ]  # fmt: skip
    # The nodes that may be left when the faulty one is left out must work together.
    assert added == [["b" * DIGITS, "c" * DIGITS]]
    monkeypatch.setattr(doctor, "reduce_fault", lambda ids: "the nodes cannot add up tensors")
    assert all(node.faults for node in examine(job))


def test_this_machine(tmp_path: Path) -> None:
    (tmp_path / "token").touch()
    facts = node_facts(tmp_path, "token", tmp_path)
    assert (facts.storage_fault, facts.data_fault, facts.gpu_fault) == ("", "", "")
    assert facts.storage_mb_s
    assert [path.name for path in tmp_path.iterdir()] == ["token"]


def test_a_storage_that_cannot_be_searched_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").touch()
    for name in ("open", "is_file"):
        with monkeypatch.context() as patch:
            for method in (name, "unlink"):
                patch.setattr(Path, method, _refused_in(tmp_path, getattr(Path, method)))
            facts = node_facts(tmp_path, "token", None)
        assert facts.storage_fault == "cannot be written: Permission denied"


def _refused_in(folder: Path, method: Callable[..., object]) -> Callable[..., object]:
    """Return a method of Path that is refused in the folder, and works elsewhere: node_facts also
    reads the versions of installed packages."""

    def refused(path: Path, *words: object, **given: object) -> object:
        if path.is_relative_to(folder):
            raise PermissionError(13, "Permission denied", str(path))
        return method(path, *words, **given)

    return refused


def test_folders_that_are_not_the_drivers(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    facts = node_facts(tmp_path, "token", tmp_path / "data")
    assert facts.storage_fault.startswith("is another folder here")
    assert facts.data_fault == "is empty here"
    assert node_facts(None, "", tmp_path / "none").data_fault == (
        "cannot be read: No such file or directory"
    )
