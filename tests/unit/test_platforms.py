"""Windows has no `resource`, no interval timer, no SIGKILL and often no links: imports work without
them, and what does not work says so."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from raytrain.backend.clock import Clock
from raytrain.backend.console import epoch_text
from raytrain.engine import memory
from raytrain.engine.guard import guarded
from raytrain.engine.parallel import current_world
from raytrain.ensemble.current_ensemble import built_beside, make_current
from raytrain.runs.files import write_bytes
from raytrain.runs.layout import RunDir
from tests.support import SHORT, run_folder, write_shortest

MISSING = {
    "os": (
        "sysconf",
        "statvfs",
        "posix_fallocate",
        "getuid",
        "fork",
        "killpg",
        "setsid",
        "getloadavg",
        "sched_getaffinity",
    ),
    "signal": ("SIGALRM", "setitimer", "SIGKILL", "SIGHUP", "SIGUSR1"),
}
"""Names of the standard library that Windows does not have."""
CPU = torch.device("cpu")


STRIPPED = f"""
import importlib, os, pathlib, pkgutil, shutil, signal, sys
import albumentations, cv2, kaggle, matplotlib.pyplot, pandas, pyarrow.fs, sklearn.ensemble, torch
import filelock, torch.utils.data, torch.multiprocessing, typer
for place, names in {MISSING!r}.items():
    for name in names:
        vars(sys.modules[place]).pop(name, None)
for name in ("resource", "fcntl", "pwd", "grp", "termios"):
    sys.modules[name] = None
def not_permitted(*words, **names):
    raise OSError(1, "not permitted")
os.symlink = pathlib.Path.symlink_to = not_permitted
shutil.disk_usage = lambda path: shutil._ntuple_diskusage(2**40, 0, 2**40)  # another call there
import raytrain
for module in pkgutil.walk_packages(raytrain.__path__, "raytrain."):
    if not module.name.startswith(("raytrain.cluster", "raytrain.__main__", "raytrain.jobs")):
        importlib.import_module(module.name)
print("imported", flush=True)
raytrain.cli.main()
"""
"""A command without what Windows lacks. Libraries are imported before: what they do there is
theirs."""


@pytest.mark.slow
def test_every_room_is_imported_and_a_run_leads_to_the_csv(tmp_path: Path) -> None:
    words = ["run", str(write_shortest(tmp_path)), "--local", *SHORT, "--set", "folds=none"]
    command = [sys.executable, "-c", STRIPPED, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert "imported\n" in done.stdout, done.stderr
    assert done.returncode == 0, done.stderr
    assert run_folder(tmp_path / "runs").joinpath("final/submission.csv").is_file()


def test_memory_that_is_not_known_is_left_out_or_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert memory.device_used(current_world())["host_gb"] > 0
    monkeypatch.setattr(memory, "resource", None)
    monkeypatch.delattr(os, "sysconf")
    monkeypatch.setattr(Path, "read_text", _no_file)
    assert [*memory.device_used(current_world())] == ["device"]
    with pytest.raises(ValueError, match=r"a process takes; set trial.batch_size to a number"):
        memory.peak_bytes(CPU)
    with pytest.raises(ValueError, match=r"is free; set trial.hold to host"):
        memory.free_memory(CPU)
    row = {
        "epoch": 1, "train_loss": 0.5, "lr": 0.01, "samples_per_s": 40.0, "wait_share": 0.25,
        "seconds_left": 3.0,
    }  # fmt: skip
    assert "waiting for data 25 %, 3 s left" in epoch_text(row, 2)
    assert "waiting for data 25 %, 1.5 GB of the GPU, 3" in epoch_text({**row, "device_gb": 1.5}, 2)
    both = epoch_text({**row, "host_gb": 2.0, "device_gb": 1.5}, 2)
    assert "waiting for data 25 %, 2.0 GB and 1.5 GB of the GPU, 3" in both


def test_a_budget_needs_a_timer_and_links(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    with monkeypatch.context() as without:
        without.delattr(signal, "setitimer")
        with pytest.raises(ValueError, match=r"budget: .*Windows has none.*leave the budget out"):
            Clock(run, 60)
    built = built_beside(run, "second")
    built.final.mkdir(parents=True)
    monkeypatch.setattr(Path, "symlink_to", _not_permitted)
    with pytest.raises(ValueError, match=r"no symbolic link can be made here .*set `storage`"):
        make_current(run, built)


def test_nothing_is_guarded_where_nothing_can_be_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delattr(signal, "SIGKILL")
    monkeypatch.setattr(subprocess, "Popen", _not_permitted)
    ran = False
    with guarded(1.0, tmp_path, "here", 0, 1):
        ran = True
    assert ran


def test_a_file_is_flushed_by_a_handle_that_may_write(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Windows refuses to flush a file that is open for reading."""
    flushed = []

    def fsync(number: int) -> None:
        os.write(number, b"")
        flushed.append(number)

    monkeypatch.setattr(os, "fsync", fsync)
    write_bytes(tmp_path / "file", b"content")
    assert flushed
    assert (tmp_path / "file").read_bytes() == b"content"


def _no_file(*words: object) -> str:
    raise FileNotFoundError(errno.ENOENT, "no such file")


def _not_permitted(*words: object, **names: object) -> None:
    raise OSError(errno.EPERM, "not permitted")
