"""Number formats of convolutions and matrix products."""

import torch

from raytrain.config.trial import Precision, TrialSpec

HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}
"""Precisions that use autocast. With the other precisions, float32 tensors are not converted."""


def set_float32(precision: Precision) -> None:
    """Set whether GPUs round the factors of float32 products to TF32's ten bits, for this
    process."""
    rounded = precision != "fp32"
    # The older of torch's two interfaces: torch.compile and torch.export use it, and torch raises
    # an error if both are used.
    torch.backends.cuda.matmul.allow_tf32 = rounded
    torch.backends.cudnn.allow_tf32 = rounded


def build_scaler(spec: TrialSpec, device: torch.device) -> torch.amp.GradScaler:
    """Return the gradient scaler.

    For float16 it scales losses up so that gradients do not vanish, and skips steps whose gradients
    overflow (Micikevicius et al. 2018). For other precisions the scale is 1. It then skips steps
    that are not finite if the trial is set to skip them, and does nothing else.
    """
    if spec.precision == "fp16":
        return torch.amp.GradScaler(device.type)
    return torch.amp.GradScaler(device.type, init_scale=1.0, enabled=spec.not_finite == "skip")


def update_scale(scaler: torch.amp.GradScaler, spec: TrialSpec) -> None:
    """Update the scale after a step. The scale of float16 depends on overflows; other scales stay
    1."""
    scaler.update(None if spec.precision == "fp16" else 1.0)
