"""What torch.compile and torch.export say to each network: `python -m tests.zoo.compiling` writes
compiling.txt. ONNX is not tried: its packages are not among the dependencies yet."""

import sys
import warnings
from pathlib import Path

import torch

from raytrain.config.models import AlexNetSpec, ModelSpec, SmpSpec
from raytrain.engine.compiling import compiled
from tests.model_cases import SMALL, built, image

TABLE = Path(__file__).with_name("compiling.txt")
SIDE = 64
SPECS: list[ModelSpec] = [
    *({**SMALL, "alexnet": AlexNetSpec(width=512)}).values(),
    SmpSpec(decoder="deeplabv3plus"),
    SmpSpec(decoder="deeplabv3plus", encoder="drn_d_54"),
    SmpSpec(decoder="upernet", encoder="tu-swin_tiny_patch4_window7_224"),
    SmpSpec(decoder="segformer", encoder="mit_b0"),
    SmpSpec(decoder="dpt", encoder="tu-vit_tiny_patch16_224"),
]
"""Each of our networks, and smp's that need something of ours; smp tests its own."""


def row(spec: ModelSpec) -> str:
    """`label compile export`: `ok`, or the error's first line."""
    return f"{spec.label:45}  compile {_compiles(spec)}  export {_exports(spec)}"


def _compiles(spec: ModelSpec) -> str:
    """A step of training, compiled as the engine does it, reaches what the plain one reaches."""
    torch.compiler.reset()
    network = built(spec, 1, 4).train()
    try:
        network(image(1, SIDE, SIDE)).square().mean().backward()
        reached = {name for name, value in network.named_parameters() if value.grad is not None}
        network.zero_grad()
        compiled(network, "default")(image(1, SIDE, SIDE)).square().mean().backward()
    except Exception as error:
        return _first_line(error)
    grads = {name: v.grad for name, v in network.named_parameters() if v.grad is not None}
    finite = all(bool(torch.isfinite(grad).all()) for grad in grads.values())
    return "ok" if finite and grads.keys() == reached else "loses gradients"


def _exports(spec: ModelSpec) -> str:
    """The exported program gives the network's maps."""
    network, noise = built(spec, 1, 4), image(1, SIDE, SIDE)
    try:
        with torch.no_grad():
            maps = torch.export.export(network, (noise,)).module()(noise)
            torch.testing.assert_close(maps, network(noise), rtol=1e-3, atol=1e-3)
    except Exception as error:
        return _first_line(error)
    return "ok"


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"


def main() -> None:
    """Try every network (twenty minutes on one core)."""
    torch.set_num_threads(1)
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for spec in SPECS:
            rows.append(row(spec))
            print(rows[-1], file=sys.stderr, flush=True)
    TABLE.write_text("\n".join([*rows, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
