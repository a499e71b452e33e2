"""Download a published encoder's weights in a separate process, so that a download that hangs can
be stopped: `python -m raytrain.models.fetching FILE ENCODER [SPEC]`."""

import os
import subprocess
import sys
from pathlib import Path

import torch
from pydantic import TypeAdapter
from torch import nn

from raytrain.config.models import PretrainedSpec, SetrSpec, SmpSpec

HUB = {"HF_HUB_ETAG_TIMEOUT": "10", "HF_HUB_DOWNLOAD_TIMEOUT": "30", "HF_HUB_VERBOSITY": "error"}
"""Settings that huggingface_hub reads on import. The limits apply to each answer, and begin again
after each retry and each byte."""


def fetch(spec: PretrainedSpec, path: Path, limit_s: float) -> None:
    """Write the state dict of the encoder that a spec names.

    Raises ValueError with the reason, and TimeoutError after `limit_s` seconds.
    """
    command = [sys.executable, "-m", "raytrain.models.fetching", str(path), spec.encoder]
    if isinstance(spec, SetrSpec | SmpSpec):
        command.append(spec.model_dump_json())
    try:
        done = subprocess.run(
            command, env=HUB | os.environ, capture_output=True, text=True, timeout=limit_s
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"the download did not end within {limit_s:g} s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise ValueError(lines[-1])


def _pretrained(encoder: str, spec: SetrSpec | SmpSpec | None) -> nn.Module:
    """Return the encoder for RGB with its published weights."""
    import timm
    from segmentation_models_pytorch.encoders import get_encoder

    from raytrain.models.smp import smp_network

    match spec:
        case SetrSpec():
            name = encoder.removeprefix("tu-")
            return timm.create_model(name, pretrained=True, num_classes=0, global_pool="")
        case SmpSpec():
            weights = True if encoder.startswith("tu-") else "imagenet"
            return smp_network(spec, 3, 1, weights).encoder
        case None:
            return get_encoder(encoder, in_channels=3, weights="imagenet")


def main() -> None:
    """Download the weights that the command line names, and write them to its file."""
    path, encoder, *specs = sys.argv[1:]
    adapter: TypeAdapter[SetrSpec | SmpSpec] = TypeAdapter(SetrSpec | SmpSpec)
    spec = adapter.validate_json(specs[0]) if specs else None
    try:
        network = _pretrained(encoder, spec)
    except Exception as error:  # every hub client raises its own errors
        sys.exit(str(error).strip().split("\n")[0] or type(error).__name__)
    torch.save(network.state_dict(), path)


if __name__ == "__main__":
    main()
