"""torch.compile, if a compiler is available."""

import os
import shutil

import torch
from torch import nn

from raytrain.runs.store import cache_root

COMPILERS = ("g++", "clang++", "c++")


def compile_problem(mode: str) -> str | None:
    """Return why this machine cannot compile a network, or None."""
    names = [os.environ["CXX"]] if os.environ.get("CXX") else list(COMPILERS)
    if mode == "off" or any(shutil.which(name) for name in names):
        return None
    return (
        f"trial.compile: torch.compile needs a C++ compiler and none of {', '.join(names)} is "
        "here; install one (Debian: apt-get install g++), or set trial.compile=off"
    )


def compiled(network: nn.Module, mode: str) -> nn.Module:
    """Return the network, compiled by torch.compile unless the mode is `off`.

    Compiled code is cached next to the decoded data, under `$RAYTRAIN_CACHE`, unless
    `$TORCHINDUCTOR_CACHE_DIR` is set. The next trial with the same network reuses it.
    """
    if mode == "off":
        return network
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_root() / "compiled"))
    made = torch.compile(network, mode=mode)
    assert isinstance(made, nn.Module)
    return made
