"""Batch normalization that accepts a single value per channel."""

import torch
from torch import nn
from torch.nn import functional


class SoloBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm2d that accepts a map of 1x1 pixels of a single image in training.

    Such a batch has no variance, and PyTorch raises an error. Here the running statistics are used
    instead, and do not change. Such batches occur when a worker has one image of a step: in the
    pooling branch of DeepLab (Chen et al. 2017), PAN and UPerNet, and in the deepest stages for
    small images.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        if input.is_meta and input.ndim == 4 and input.shape[1] == self.num_features:
            # torch normalizes meta tensors in Python, which takes most of a network's time there.
            return torch.empty_like(input)
        if not self.training or input.numel() > input.shape[1]:
            return super().forward(input)
        return functional.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
        )


def with_solo_norms(network: nn.Module) -> nn.Module:
    """Replace each plain BatchNorm2d of the network by one that accepts a single value per channel.

    Parameters and buffers keep their identity and their names.
    """
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.BatchNorm2d:
                setattr(parent, name, _solo(child))
    return network


def _solo(norm: nn.BatchNorm2d) -> SoloBatchNorm2d:
    made = SoloBatchNorm2d(
        norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats
    )
    made.weight, made.bias, made.training = norm.weight, norm.bias, norm.training
    made.running_mean, made.running_var = norm.running_mean, norm.running_var
    made.num_batches_tracked = norm.num_batches_tracked
    return made
