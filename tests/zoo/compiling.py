"""What torch.compile, torch.export and ONNX say to each network: `python -m tests.zoo.compiling`
writes compiling.txt."""

import sys
import tempfile
import warnings
from pathlib import Path

import torch

from raytrain.config.models import AlexNetSpec, DeepLabSpec, ModelSpec, SetrSpec, SmpSpec
from raytrain.config.names import SMP_DECODERS
from raytrain.engine.compiling import compiled
from raytrain.engine.export import FORMATS
from tests.model_cases import SMALL, built, image

TABLE = Path(__file__).with_name("compiling.txt")
SIDE = 64
TRIED = ("deeplabv3plus", "dpt", "segformer", "unet", "upernet")
"""Decoders that stand in SPECS with an encoder of their own."""
SPECS: list[ModelSpec] = [
    *({**SMALL, "alexnet": AlexNetSpec(width=512)}).values(),
    DeepLabSpec(encoder="drn_d_54"),
    SmpSpec(decoder="deeplabv3plus"),
    SmpSpec(decoder="deeplabv3plus", encoder="drn_d_54"),
    SmpSpec(decoder="upernet", encoder="tu-swin_tiny_patch4_window7_224"),
    SmpSpec(decoder="segformer", encoder="mit_b0"),
    SmpSpec(decoder="dpt", encoder="tu-vit_tiny_patch16_224"),
    *(SmpSpec(decoder=name) for name in SMP_DECODERS if name not in TRIED),
    SetrSpec(encoder="tu-vit_tiny_patch16_224", head="naive"),
]
"""Each of our networks, every decoder of smp, and the encoders that need something of ours."""


def row(spec: ModelSpec) -> str:
    """`label compile export onnx`: `ok`, or the error's first line."""
    export, onnx = (_exports(spec, ending) for ending in FORMATS)
    return f"{spec.label:45}  compile {_compiles(spec)}  export {export}  onnx {onnx}"


def _compiles(spec: ModelSpec) -> str:
    """A step of training, compiled as the engine does it, reaches what the plain one reaches."""
    torch.compiler.reset()
    network = built(spec, 1, 4).train()
    try:
        side = _side(spec)
        network(image(1, side, side)).square().mean().backward()
        reached = {name for name, value in network.named_parameters() if value.grad is not None}
        network.zero_grad()
        compiled(network, "default")(image(1, side, side)).square().mean().backward()
    except Exception as error:
        return _first_line(error)
    grads = {name: v.grad for name, v in network.named_parameters() if v.grad is not None}
    finite = all(bool(torch.isfinite(grad).all()) for grad in grads.values())
    return "ok" if finite and grads.keys() == reached else "loses gradients"


def _exports(spec: ModelSpec, ending: str) -> str:
    """The program, written and read again, gives the network's maps for any number of images."""
    write, load = FORMATS[ending]
    side = _side(spec)
    network, noise = built(spec, 1, 4), image(1, side, side)
    try:
        with tempfile.TemporaryDirectory() as folder, torch.no_grad():
            path = Path(folder) / f"net{ending}"
            write(network, noise, path)
            program = load(path)
            for images in (noise, noise[:1], torch.cat([noise, noise.flip(3)])):
                expected = network(images)
                # Untrained maps of deep networks are nearly flat: what counts is their relief.
                apart = (program(images) - expected).abs().max() / expected.std()
                if not apart < 1e-3:
                    return f"its maps differ by {float(apart):.2g} standard deviations"
    except Exception as error:
        return _first_line(error)
    return "ok"


def _side(spec: ModelSpec) -> int:
    """PAN's pyramid takes no smaller image than 128 px."""
    return 2 * SIDE if isinstance(spec, SmpSpec) and spec.decoder == "pan" else SIDE


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"


def main() -> None:
    """Try every network (an hour on one core)."""
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
