"""Pretrained encoder weights: fetched once by the driver into the run, read there by workers."""

from pathlib import Path

import torch
from torch import nn

from raytrain.config.models import ModelSpec, PretrainedSpec
from raytrain.models.fetching import fetch
from raytrain.runs.files import atomic_path

OFFLINE_HELP = (
    "without a network, train from random weights (weights: null) or give a state-dict file of "
    "the encoder (weights: /path/to/encoder.pt)"
)

LIMIT_S = 1200.0
"""For one download."""


def weights_file(spec: ModelSpec, folder: Path) -> Path | None:
    """Where the encoder weights that a spec asks for stand, or None for random ones."""
    if not isinstance(spec, PretrainedSpec) or spec.weights is None:
        return None
    if spec.weights == "imagenet":
        # timm's encoders are cut to what the decoder asks for.
        stem = spec.label if spec.encoder.startswith("tu-") else spec.encoder
        return folder / f"{stem}-imagenet.pt"
    return Path(spec.weights).expanduser().absolute()


def fetch_weights(spec: ModelSpec, folder: Path, limit_s: float = LIMIT_S) -> None:
    """Make the file of `weights_file` exist. Raises ValueError naming the offline ways, also when
    a download takes longer than `limit_s`."""
    path = weights_file(spec, folder)
    if path is None or path.is_file():
        return
    assert isinstance(spec, PretrainedSpec)
    if spec.weights != "imagenet":
        raise ValueError(f"model.weights: {path} is not a file; {OFFLINE_HELP}")
    with atomic_path(path) as temporary:
        try:
            fetch(spec, temporary, limit_s)
        except (ValueError, TimeoutError) as error:
            raise ValueError(
                f"model.weights: the imagenet weights of {spec.encoder} could not be had "
                f"({error}); {OFFLINE_HELP}"
            ) from None


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
