"""What convolutions and products are computed in."""

import torch

from raytrain.config.trial import Precision, TrialSpec

HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}
"""Precisions that autocast computes in; the others leave float32 tensors as they are."""


def set_float32(precision: Precision) -> None:
    """Whether GPUs round float32 factors to TF32's ten bits, for this process."""
    rounded = precision != "fp32"
    # By the older of torch's two ways: torch.compile and torch.export ask by that one, and torch
    # raises where both were used.
    torch.backends.cuda.matmul.allow_tf32 = rounded
    torch.backends.cudnn.allow_tf32 = rounded


def build_scaler(spec: TrialSpec, device: torch.device) -> torch.amp.GradScaler:
    """Scales losses up so that float16 gradients do not vanish, and leaves out the steps whose
    gradients overflow (Micikevicius et al. 2018). In other precisions it leaves steps that are not
    finite out where that is asked for, by a scale of 1, and does nothing else."""
    if spec.precision == "fp16":
        return torch.amp.GradScaler(device.type)
    return torch.amp.GradScaler(device.type, init_scale=1.0, enabled=spec.not_finite == "skip")


def update_scale(scaler: torch.amp.GradScaler, spec: TrialSpec) -> None:
    """After a step: the scale of float16 follows its overflows, that of others stays 1."""
    scaler.update(None if spec.precision == "fp16" else 1.0)
