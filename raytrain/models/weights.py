"""Pretrained encoder weights. The driver downloads them into the run, and workers read them
there."""

from pathlib import Path

from torch import nn

from raytrain.config.models import ModelSpec, PretrainedSpec
from raytrain.models.fetching import fetch
from raytrain.models.state import Match, match, read_state
from raytrain.runs.files import atomic_path
from raytrain.runs.mirror import bring_missing

OFFLINE_HELP = (
    "if this machine is offline, train from random weights (weights: null), or give a state-dict "
    "file of the encoder (weights: /path/to/encoder.pt)"
)

LIMIT_S = 1200.0
"""Time limit of one download in seconds."""


def weights_file(spec: ModelSpec, folder: Path) -> Path | None:
    """Return the path of the encoder weights that a spec names, or None for random weights."""
    if not isinstance(spec, PretrainedSpec) or spec.weights is None:
        return None
    if spec.weights == "imagenet":
        # timm's encoders are truncated to the depth that the decoder needs.
        stem = spec.label if spec.encoder.startswith("tu-") else spec.encoder
        return folder / f"{stem}-imagenet.pt"
    return Path(spec.weights).expanduser().absolute()


def fetch_weights(spec: ModelSpec, folder: Path, limit_s: float = LIMIT_S) -> None:
    """Download the pretrained encoder weights that a spec names, if `folder` does not have them.
    Raises ValueError when the download fails or takes longer than `limit_s` seconds; it says what
    to do without a download."""
    path = weights_file(spec, folder)
    if path is not None:
        bring_missing(path)
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
                f"model.weights: the imagenet weights of {spec.encoder} could not be downloaded "
                f"({error}); {OFFLINE_HELP}"
            ) from None


def load_encoder(model: nn.Module, path: Path) -> None:
    """Load a weights file into `model.encoder`. Raises ValueError when the file lacks an entry of
    the encoder, or holds it in another shape."""
    encoder = model.encoder
    assert isinstance(encoder, nn.Module)
    encoder.load_state_dict(_matched(encoder, path).fits, strict=False)


def file_note(spec: ModelSpec, model: nn.Module) -> str | None:
    """Return a note about the entries of the weights file that the network does not use, or None.

    The network may be on the meta device. Raises ValueError when the file is missing or does not
    fit.
    """
    fetch_weights(spec, Path())
    path, encoder = weights_file(spec, Path()), model.encoder
    assert path is not None
    assert isinstance(encoder, nn.Module)
    note = _matched(encoder, path).note
    return note and f"model.weights: {path}: {note}"


def _matched(encoder: nn.Module, path: Path) -> Match:
    try:
        found = match(encoder.state_dict(), read_state(path))
    except ValueError as error:
        raise ValueError(f"model.weights: {error}") from None
    if found.problem:
        raise ValueError(
            f"model.weights: {path} does not fit this encoder: {found.problem}; give a file of the "
            "same encoder"
        )
    return found
