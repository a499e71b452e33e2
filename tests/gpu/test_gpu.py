"""What only a GPU shows: memory that runs out, trainings side by side, resumed bits, precisions.

It needs no Ray: `make gpu`, on a machine with a GPU.
"""

import os
from pathlib import Path

import pytest
import torch

from raytrain.config.models import SmpSpec
from raytrain.config.trial import TrialSpec
from raytrain.engine.checkpoint import newest_checkpoint
from raytrain.engine.reporter import SilentReporter
from raytrain.engine.share import gpu_share
from raytrain.engine.trial import Samples, run_trial
from raytrain.runs.history import read_history
from raytrain.runs.record import Task
from tests.commands import quick_processes
from tests.tiny import SPEC, make_task
from tests.unit.test_engine import Killed, KilledAfter, figures

UNET = SmpSpec(decoder="unet", encoder="resnet18", weights=None)
KINDS: dict[str, dict[str, object]] = {
    "fp32": {},
    "host": {"hold": "host"},
    "bf16": {"precision": "bf16", "model": UNET},
    "fp16": {"precision": "fp16", "model": UNET},
    "tf32": {"precision": "tf32", "model": UNET},
    "compile": {"compile": "default", "precision": "bf16", "model": UNET},
}


@pytest.fixture(scope="module", autouse=True)
def _gpu() -> None:
    assert torch.cuda.is_available(), "torch finds no GPU here"


def _weights(task: Task) -> dict[str, torch.Tensor]:
    state = newest_checkpoint(task.trial_dir.checkpoints)
    assert state is not None
    return state["model"]


def _apart(one: Task, other: Task) -> float:
    """The largest difference of a weight."""
    first, second = _weights(one), _weights(other)
    return max(float((first[name].float() - second[name].float()).abs().max()) for name in first)


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_training_has_the_bits_of_a_whole_one(
    tmp_path: Path, samples: Samples, kind: str
) -> None:
    spec = SPEC.model_copy(update=KINDS[kind])
    whole, twice, parts = (make_task(tmp_path / name, samples, spec) for name in "wtp")
    run_trial(whole, samples, SilentReporter())
    run_trial(twice, samples, SilentReporter())
    with pytest.raises(Killed):
        run_trial(parts, samples, KilledAfter(2))
    run_trial(parts, samples, SilentReporter())
    print(f"{kind}: twice {_apart(whole, twice):.2g} apart, resumed {_apart(whole, parts):.2g}")
    assert _apart(whole, twice) == 0
    assert _apart(whole, parts) == 0
    first, second = (
        [{k: v for k, v in row.items() if k != "device_gb"} for row in rows]
        for rows in (figures(whole.directory), figures(parts.directory))
    )
    assert first == second


def test_a_batch_above_the_share_is_divided(tmp_path: Path, samples: Samples) -> None:
    """10 images at 1024x1024 do not fit into a fortieth of the GPU; one does."""
    large = {"framing": {"name": "resize", "height": 1024, "width": 1024}}
    spec = TrialSpec.model_validate(
        SPEC.model_dump(by_alias=True) | large | {"model": {"name": "unet", "width": 16}}
        | {"batch_size": 10, "epochs": 2}
    )  # fmt: skip
    task = make_task(tmp_path / "t", samples, spec)
    with gpu_share(0.025):
        run_trial(task, samples, SilentReporter())
    rows = read_history(task.directory / "history.jsonl")
    notes = [note for row in rows for note in row.get("notes", [])]
    print(notes, [row.get("device_gb") for row in rows])
    assert any("out of memory with 10 images per step" in note for note in notes)
    total = torch.cuda.get_device_properties(0).total_memory / 1e9
    assert all(row["device_gb"] <= 0.025 * total for row in rows)
    assert all(row["images"] == 10 for row in rows)


def _train(task: Task, samples: Samples) -> None:
    torch.set_num_threads(1)
    with gpu_share(0.1):
        run_trial(task, samples, SilentReporter())
    os._exit(0)


def test_trainings_side_by_side_have_the_bits_of_one_alone(
    tmp_path: Path, samples: Samples
) -> None:
    alone, *beside = (make_task(tmp_path / f"t{index}", samples) for index in range(5))
    run_trial(alone, samples, SilentReporter())
    context = quick_processes()
    ranks = [context.Process(target=_train, args=(task, samples)) for task in beside]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(timeout=60)
    assert [process.exitcode for process in ranks] == [0] * 4
    assert [_apart(alone, task) for task in beside] == [0.0] * 4


def test_device_and_host_learn_alike(tmp_path: Path, samples: Samples) -> None:
    """Without augmentation both places give the same images."""
    spec = SPEC.model_copy(update={"augmentation": "none"})
    device, host = (
        make_task(tmp_path / hold, samples, spec.model_copy(update={"hold": hold}))
        for hold in ("device", "host")
    )
    for task in (device, host):
        run_trial(task, samples, SilentReporter())
    first, second = (figures(task.directory)[-1]["val_loss"] for task in (device, host))
    assert first == pytest.approx(second, rel=1e-3)
