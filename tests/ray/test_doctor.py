"""`doctor` on a real cluster: its nodes, and a GPU that is promised but cannot be used."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from raytrain.backend.workplace import Workplace
from raytrain.config.job import JobSpec
from raytrain.config.load import load_job
from raytrain.runs.layout import run_dir
from tests.commands import raytrain
from tests.ray.conftest import Cluster
from tests.support import write_job


def test_a_promised_gpu_that_torch_cannot_use_is_a_fault(cluster: Cluster, tmp_path: Path) -> None:
    job = write_job(tmp_path, tmp_path / "runs")
    good = raytrain("doctor", job, env=cluster.env)
    assert good.returncode == 0, good.stdout + good.stderr
    assert good.stdout.splitlines()[-1] == "no faults"
    assert [*(tmp_path / "runs").iterdir()] == []
    bad = raytrain("doctor", job, "--set", "resources.gpus=1", env=cluster.env)
    assert bad.returncode == 1
    assert ": Ray offers 1 GPUs, and torch sees 0; install a driver for CUDA" in bad.stderr


def test_a_refused_cluster_is_left_and_refused_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = load_job(write_job(tmp_path, tmp_path / "runs"))
    left = []

    @contextmanager
    def connected() -> Iterator[str]:
        try:
            yield "Ray dashboard"
        finally:
            left.append(True)

    def refuse(job: JobSpec) -> None:
        raise ValueError("nodes of the cluster cannot do this job")

    monkeypatch.setattr("raytrain.cluster.connect.connected", connected)
    monkeypatch.setattr("raytrain.cluster.doctor.examined_need", refuse)
    with Workplace(job, "ray", run_dir(job), dict) as place:
        for _ in range(2):
            with pytest.raises(ValueError, match="cannot do this job"):
                place.backend()
        assert left == [True, True]
