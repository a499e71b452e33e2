"""What trainings that are packed on one GPU take of its memory (torch's own calls are watched)."""

import gc
import weakref
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from raytrain.engine.share import CONTEXT_BYTES, gpu_share, memory_fraction

TOTAL = 80_000_000_000


def test_shares_with_cuda_itself_fill_the_gpu_and_no_more() -> None:
    for packed in (1, 2, 3, 4, 10):
        fraction = memory_fraction(1 / packed, TOTAL)
        context = CONTEXT_BYTES if packed > 1 else 0
        assert packed * (fraction * TOTAL + context) == pytest.approx(TOTAL)
    assert memory_fraction(2, TOTAL) == 1.0
    with pytest.raises(ValueError, match=r"0\.005 of a GPU of 80 GB is less than the 0\.6 GB"):
        memory_fraction(0.005, TOTAL)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What is asked of torch on a machine with a GPU of 80 GB."""
    asked: list[object] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    properties = SimpleNamespace(total_memory=TOTAL)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", asked.append)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: asked.append("empty"))
    return asked


def test_the_cap_is_set_before_and_the_cache_emptied_after_also_after_an_error(
    calls: list[object],
) -> None:
    with gpu_share(0.5):
        assert calls == ["empty", memory_fraction(0.5, TOTAL)]
    assert calls[2:] == ["empty"]
    with pytest.raises(torch.OutOfMemoryError), gpu_share(1):
        raise torch.OutOfMemoryError("full")
    # A worker that had a share before has the whole GPU again.
    assert calls[3:] == ["empty", 1.0, "empty"]


def test_a_worker_without_a_gpu_sets_no_cap_and_still_frees_what_goes_in_circles(
    calls: list[object],
) -> None:
    gc.disable()
    try:
        with gpu_share(0):
            network = nn.Linear(2, 2)
            network.circle = [network]  # type: ignore[assignment]
            gone = weakref.ref(network)
            del network
        assert gone() is None
    finally:
        gc.enable()
    assert calls == ["empty", "empty"]
