"""`doctor` on a real cluster: its nodes, and a GPU that is promised but cannot be used."""

from pathlib import Path

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
