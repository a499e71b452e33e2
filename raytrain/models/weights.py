"""Pretrained encoder weights: fetched once by the driver into the run, read there by workers."""

import os
from pathlib import Path

import timm
import torch
from segmentation_models_pytorch.encoders import get_encoder
from torch import nn

from raytrain.config.models import ModelSpec, PretrainedSpec, SetrSpec, SmpSpec
from raytrain.models.smp import smp_network
from raytrain.runs.files import atomic_path

OFFLINE_HELP = (
    "without a network, train from random weights (weights: null) or give a state-dict file of "
    "the encoder (weights: /path/to/encoder.pt)"
)


def weights_file(spec: ModelSpec, folder: Path) -> Path | None:
    """Where the encoder weights that a spec asks for stand, or None for random ones."""
    if not isinstance(spec, PretrainedSpec) or spec.weights is None:
        return None
    if spec.weights == "imagenet":
        # timm's encoders are cut to what the decoder asks for.
        stem = spec.label if spec.encoder.startswith("tu-") else spec.encoder
        return folder / f"{stem}-imagenet.pt"
    return Path(spec.weights).expanduser().absolute()


def fetch_weights(spec: ModelSpec, folder: Path) -> None:
    """Make the file of `weights_file` exist. Raises ValueError naming the offline ways."""
    path = weights_file(spec, folder)
    if path is None or path.is_file():
        return
    assert isinstance(spec, PretrainedSpec)
    if spec.weights != "imagenet":
        raise ValueError(f"model.weights: {path} is not a file; {OFFLINE_HELP}")
    # Read by huggingface_hub when it is imported: a dead network must not hang the driver.
    os.environ.setdefault("HF_HUB_ETAG_TIMEOUT", "10")
    os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", "30")
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    try:
        encoder = _pretrained(spec)
    except Exception as error:  # every hub client fails in its own way
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ValueError(
            f"model.weights: the imagenet weights of {spec.encoder} could not be had "
            f"({reason}); {OFFLINE_HELP}"
        ) from None
    with atomic_path(path) as temporary:
        torch.save(encoder.state_dict(), temporary)


def _pretrained(spec: PretrainedSpec) -> nn.Module:
    """The encoder for RGB with its published weights."""
    name = spec.encoder.removeprefix("tu-")
    match spec:
        case SetrSpec():
            return timm.create_model(name, pretrained=True, num_classes=0, global_pool="")
        case SmpSpec():
            weights = True if spec.encoder.startswith("tu-") else "imagenet"
            return smp_network(spec, 3, 1, weights).encoder
    return get_encoder(name, in_channels=3, weights="imagenet")


def load_encoder(model: nn.Module, path: Path) -> None:
    """Load an encoder's state dict into `model.encoder`.

    A first convolution made for RGB is fitted to other channel counts by averaging over its
    input channels and scaling, so that activations keep their size. Raises ValueError when the
    file does not fit.
    """
    encoder = model.encoder
    assert isinstance(encoder, nn.Module)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        wanted = encoder.state_dict()
        for key, value in state.items():
            want = wanted.get(key)
            if want is not None and value.ndim == 4 and value.shape[1] != want.shape[1]:
                spread = value.mean(1, keepdim=True).expand_as(want)
                state[key] = spread * value.shape[1] / want.shape[1]
        encoder.load_state_dict(state)
    except Exception as error:  # torch.load fails in as many ways as there are files
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ValueError(f"model.weights: {path} does not fit this encoder ({reason})") from None
