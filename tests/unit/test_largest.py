"""The largest batch: doubled until memory runs out, a margin left."""

from pathlib import Path

import pytest
import torch

from raytrain.engine import largest
from raytrain.engine.largest import largest_batch, probe_batches
from raytrain.engine.memory import free_memory
from raytrain.engine.trial import Samples
from tests.tiny import SPEC, make_task

CPU = torch.device("cpu")
CUDA = torch.device("cuda")


class Memory:
    """A device of so many bytes, on which an image takes ten."""

    def __init__(self, size: int, monkeypatch: pytest.MonkeyPatch):
        self.size, self.peak = size, 7
        self.tried: list[int] = []
        monkeypatch.setattr(largest, "peak_bytes", lambda device: self.peak)
        monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: None)
        monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)

    def step(self, count: int) -> None:
        self.tried.append(count)
        if 10 * count > self.size:
            raise torch.OutOfMemoryError(f"{count} images")
        self.peak = 7 + 10 * count


@pytest.mark.parametrize(
    ("size", "cap", "device", "images", "tried"),
    [
        (100, 64, CUDA, 8, [1, 2, 4, 8, 16]),  # 16 run out of memory
        (85, 64, CUDA, 4, [1, 2, 4, 8]),  # 80 bytes leave no margin
        (1000, 24, CUDA, 24, [1, 2, 4, 8, 16, 24]),  # there are no more
        (100, 64, CPU, 8, [1, 2, 4, 8]),  # a host would kill, so 16 are not tried
    ],
)
def test_the_largest_that_fits_is_taken(
    size: int, cap: int, device: torch.device, images: int, tried: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    memory = Memory(size, monkeypatch)
    found = largest_batch(memory.step, cap, size, device)
    assert (found.images, found.took, found.free) == (images, 10 * images, size)
    assert found.all_fit == (images == cap)
    assert memory.tried == tried


def test_one_image_that_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="out of memory with one image at once"):
        largest_batch(Memory(9, monkeypatch).step, 8, 9, CUDA)


def test_a_trial_is_measured_by_its_own_steps(tmp_path: Path, samples: Samples) -> None:
    """Ten tiny images fit into any memory: all of them at once, and no file is left."""
    found = probe_batches(make_task(tmp_path / "t", samples, SPEC), samples)
    for kind in ("training", "evaluation"):
        assert found[kind]["images"] == 10
        assert found[kind]["all_fit"]
        assert 0 <= found[kind]["took"] < found[kind]["free"] <= free_memory(CPU) * 2
    assert not (tmp_path / "t").exists()
