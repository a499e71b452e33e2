"""jobs/slurm/raytrain.sbatch with a Slurm that is played: the command of Ray that it calls."""

import os
import subprocess
import warnings
from pathlib import Path

from ray.scripts.symmetric_run import curate_and_validate_ray_start_args, symmetric_run

SCRIPT = Path(__file__).parents[2] / "jobs" / "slurm" / "raytrain.sbatch"
SRUN = """#!/bin/bash
echo "srun $1"
shift
exec "$@"
"""
RAY = """#!/bin/bash
printf 'ray %s\\n' "$@"
env | grep ^RAY_
stat -c 'token %a' "$RAY_TMPDIR/token"
exit 3
"""


def submitted(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What the script does on the first of three nodes."""
    binaries = tmp_path / ".venv" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "activate").write_text(f'export PATH="{binaries}:$PATH"\n')
    for name, text in {"srun": SRUN, "ray": RAY}.items():
        (binaries / name).write_text(text)
        (binaries / name).chmod(0o755)
    env = {
        "SLURM_SUBMIT_DIR": str(tmp_path),
        "SLURM_JOB_ID": f"{os.getpid()}",
        "SLURM_JOB_NUM_NODES": "3",
        "SLURM_CPUS_PER_TASK": "16",
    }
    # `bash` is what Slurm starts, with the batch script's arguments.
    return subprocess.run(
        ["bash", SCRIPT, *words], env=os.environ | env, capture_output=True, text=True
    )


def test_ray_is_called_with_what_it_accepts(tmp_path: Path) -> None:
    words = ["run", "/shared/a job.yaml", "--set", "storage=/shared/runs"]
    done = submitted(tmp_path, *words)
    assert done.returncode == 3, done.stderr
    lines = done.stdout.splitlines()
    assert "srun --kill-on-bad-exit=1" in lines
    name, *given = [line.removeprefix("ray ") for line in lines if line.startswith("ray ")]
    assert name == "symmetric-run"
    end = given.index("--")
    assert given[end + 1 :] == ["raytrain", *words]
    context = symmetric_run.make_context("_", given[:end], resilient_parsing=True)
    assert context.params["min_nodes"] == 3
    options = curate_and_validate_ray_start_args(given[:end])
    with warnings.catch_warnings(action="ignore"):  # Ray's own
        from ray.scripts.scripts import start
    params = start.make_context("start", ["--head", *options]).params
    assert (params["num_cpus"], params["dashboard_host"]) == (16, "127.0.0.1")
    settings = dict(line.split("=", 1) for line in lines if line.startswith("RAY_"))
    # The command joins the cluster that Ray starts, with a token that only its user may read.
    assert settings["RAY_ADDRESS"] == context.params["address"]
    assert settings["RAY_AUTH_MODE"] == "token"
    assert len(settings["RAY_AUTH_TOKEN"]) == 64
    assert "token 600" in lines
    subprocess.run(["rm", "-r", settings["RAY_TMPDIR"]], check=True)


def test_slurm_reads_its_options_before_the_first_command() -> None:
    lines = SCRIPT.read_text().splitlines()
    first = next(n for n, line in enumerate(lines) if line and not line.startswith("#"))
    options = [line for line in lines if line.startswith("#SBATCH ")]
    assert options == [line for line in lines[:first] if line.startswith("#SBATCH")]
    # One task a node, which has the whole node.
    assert {"#SBATCH --ntasks-per-node=1", "#SBATCH --exclusive"} <= {*options}
