"""What one process compiled the next one finds."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from raytrain.engine.compiling import compiled
from tests.commands import quick_processes


def _compile(out: Path) -> None:
    from torch._dynamo.utils import counters

    torch.manual_seed(0)
    network = compiled(nn.Sequential(nn.Linear(4, 4), nn.Tanh()), "default")
    network(torch.ones(2, 4)).sum().backward()
    out.write_text(json.dumps({key: counters["inductor"][key] for key in counters["inductor"]}))


def test_the_next_process_does_not_compile_again(tmp_path: Path) -> None:
    found = []
    for number in range(2):
        out = tmp_path / f"{number}.json"
        process = quick_processes().Process(target=_in, args=(str(tmp_path / "cache"), out))
        process.start()
        process.join(timeout=900)
        assert process.exitcode == 0
        found.append(json.loads(out.read_text()))
    assert found[0]["fxgraph_cache_miss"] > 0
    assert "fxgraph_cache_hit" not in found[0]
    assert found[1]["fxgraph_cache_hit"] == found[0]["fxgraph_cache_miss"]
    assert "fxgraph_cache_miss" not in found[1]
    assert (tmp_path / "cache" / "compiled").is_dir()


def _in(cache: str, out: Path) -> None:
    """The server that forks has the environment that it was started with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAYTRAIN_CACHE", cache)
        patch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
        _compile(out)
