"""Initial weights from another training, and freezing of the encoder."""

from pathlib import Path

import torch
from torch import nn

from raytrain.config.trial import TrialSpec
from raytrain.engine.checkpoint import load_checkpoint, load_digest


def with_content(spec: TrialSpec) -> TrialSpec:
    """Return the spec with the absolute path of its initial checkpoint. The SHA-256 of this file is
    filled in, unless it is given or the file is missing."""
    if spec.init is None:
        return spec
    path = Path(spec.init).expanduser().absolute()
    sha256 = spec.init_sha256 or load_digest(path)
    return spec.model_copy(update={"init": str(path), "init_sha256": sha256})


def warm_start(model: nn.Module, spec: TrialSpec) -> str | None:
    """Load the weights of another training whose name and shape agree.

    Returns a note that lists the layers without such weights, or None. Raises ValueError when the
    checkpoint is damaged, when it differs from the recorded one, or when none of its weights fits.
    """
    assert spec.init is not None
    path = Path(spec.init)
    fitting = _fitting(model, path, spec.init_sha256)
    model.load_state_dict(fitting, strict=False)
    lacking = [name for name in model.state_dict() if name not in fitting]
    anew = sorted({name.rpartition(".")[0] or name for name in lacking})
    return (
        f"layers that {path.name} does not contain, so they start at random: {', '.join(anew)}"
        if anew
        else None
    )


def _fitting(model: nn.Module, path: Path, sha256: str | None) -> dict[str, torch.Tensor]:
    # load_checkpoint compares the checkpoint's own digest with its content.
    if sha256 is not None and path.is_file() and load_digest(path) != sha256:
        raise ValueError(
            f"trial.init: the content of {path} has changed since its SHA-256 was "
            f"{sha256[:12]}...; leave init_sha256 out to start from the present content"
        )
    given, wanted = load_checkpoint(path)["model"], model.state_dict()
    fitting = {
        name: value
        for name, value in given.items()
        if name in wanted and wanted[name].shape == value.shape
    }
    if not any(value.ndim > 1 for value in fitting.values()):
        raise ValueError(
            f"trial.init: none of the weights in {path} fits this network; give a checkpoint of a "
            "network like trial.model, or leave init out"
        )
    return fitting


def start_problems(spec: TrialSpec, model: nn.Module) -> list[str]:
    """Return why a training cannot start from this spec. The model may be on the meta device."""
    problems = []
    if spec.init is not None:
        try:
            _fitting(model, Path(spec.init), spec.init_sha256)
        except ValueError as error:
            text = str(error)
            problems.append(text if text.startswith("trial.init") else f"trial.init: {text}")
    if spec.freeze_encoder and not isinstance(getattr(model, "encoder", None), nn.Module):
        problems.append(
            "trial.freeze_encoder: this model has no separate encoder; leave it out, or choose "
            "a model with one, such as {name: smp}"
        )
    return problems


def set_frozen(model: nn.Module, spec: TrialSpec, epoch: int) -> None:
    """Set whether the encoder learns in this epoch. The other parts always learn."""
    if spec.freeze_encoder:
        encoder = model.encoder
        assert isinstance(encoder, nn.Module)
        encoder.requires_grad_(epoch > spec.freeze_encoder)


def to_training_mode(network: nn.Module, model: nn.Module, spec: TrialSpec, epoch: int) -> None:
    """Set training mode. A frozen encoder stays in evaluation mode, so that its running statistics
    do not change."""
    network.train()
    if epoch <= spec.freeze_encoder:
        encoder = model.encoder
        assert isinstance(encoder, nn.Module)
        encoder.eval()
