"""What convolutions and products are computed in."""

import torch

from raytrain.config.trial import Precision

HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}
"""Precisions that autocast computes in; the others leave float32 tensors as they are."""


def set_float32(precision: Precision) -> None:
    """Whether GPUs round float32 factors to TF32's ten bits, for this process."""
    rounded = precision != "fp32"
    # By the older of torch's two ways: torch.compile and torch.export ask by that one, and torch
    # raises where both were used.
    torch.backends.cuda.matmul.allow_tf32 = rounded
    torch.backends.cudnn.allow_tf32 = rounded


def build_scaler(precision: Precision, device: torch.device) -> torch.amp.GradScaler:
    """Scales losses up so that float16 gradients do not vanish, and leaves out the steps whose
    gradients overflow (Micikevicius et al. 2018); does nothing in other precisions."""
    return torch.amp.GradScaler(device.type, enabled=precision == "fp16")
