"""torch.compile, where there is a compiler for it."""

import os
import shutil

import torch
from torch import nn

from raytrain.data.source import cache_root

COMPILERS = ("g++", "clang++", "c++")


def compile_problem(mode: str) -> str | None:
    """Why this machine cannot compile, or None."""
    names = [os.environ["CXX"]] if os.environ.get("CXX") else list(COMPILERS)
    if mode == "off" or any(shutil.which(name) for name in names):
        return None
    return (
        f"trial.compile: torch.compile needs a C++ compiler and none of {', '.join(names)} is "
        "here; install one (Debian: apt-get install g++), or set trial.compile=off"
    )


def compiled(network: nn.Module, mode: str) -> nn.Module:
    """The network as torch.compile makes it; as it is when the mode is `off`.

    What was compiled stands beside the decoded data, under `$RAYTRAIN_CACHE`, unless
    `$TORCHINDUCTOR_CACHE_DIR` says otherwise: the next trial with such a network finds it there.
    """
    if mode == "off":
        return network
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_root() / "compiled"))
    made = torch.compile(network, mode=mode)
    assert isinstance(made, nn.Module)
    return made
