"""Auxiliary heads for training: maps of the decoder's coarser stages, and the presence of classes.

The heads are hooks on the network, and a submodule of it named `auxiliary`, so that the network's
own parameters keep their names. In training the network returns `Outputs`. In evaluation it returns
only its maps, as without heads.
"""

from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from raytrain.config.auxiliary import DeepSupervisionSpec, PresenceSpec
from raytrain.config.target import Target
from raytrain.models.padding import Padded
from raytrain.models.stages import Stage, coarse_stages, deepest

PART = "auxiliary"
REMOVED = 20.0
"""Distance by which the logit of a removed class is below the background's logit (below 0 if
classes overlap)."""


class Outputs(NamedTuple):
    """The output of a network with heads, in training."""

    logits_BKHW: torch.Tensor
    sides: tuple[torch.Tensor, ...]
    """Logits, BxKxHxW, of each supervised stage of the decoder, enlarged to the image's size,
    finest first."""
    presence_BF: torch.Tensor | None
    """Logits of the presence of the foreground classes."""

    def float(self) -> "Outputs":
        """Return all outputs as float32."""
        presence = None if self.presence_BF is None else self.presence_BF.float()
        return Outputs(self.logits_BKHW.float(), tuple(s.float() for s in self.sides), presence)


class Auxiliary(nn.Module):
    """The heads, and the maps of the current forward pass."""

    def __init__(
        self,
        stages: list[Stage],
        maps: int,
        deep: Stage | None,
        presence: PresenceSpec | None,
        background: bool,
        multiple: int,
    ):
        super().__init__()
        self.sides = nn.ModuleList(nn.Conv2d(width, maps, 1) for _, width in stages)
        self.presence, self.threshold = None, None
        if presence is not None:
            from segmentation_models_pytorch.base import ClassificationHead
            from segmentation_models_pytorch.base.initialization import initialize_head

            assert deep is not None
            self.threshold = presence.threshold
            self.presence = ClassificationHead(
                deep[1], maps - background, presence.pooling, presence.dropout
            )
            initialize_head(self.presence)
        self.background, self.multiple = background, multiple
        self.seen: list[torch.Tensor] = []
        self.deepest: torch.Tensor | None = None

    def begin(self, module: nn.Module, inputs: Any) -> None:
        """Discard the maps of the previous forward pass, which may have been aborted."""
        del module, inputs
        self.seen, self.deepest = [], None

    def take(self, module: nn.Module, inputs: Any, map_BCHW: torch.Tensor) -> None:
        """Record the map that a decoder stage returned, in training."""
        del module, inputs
        if self.training:
            self.seen.append(map_BCHW)

    def take_deepest(self, module: nn.Module, inputs: Any, maps: Any) -> None:
        """Record the deepest of the maps that the encoder returned."""
        del module, inputs
        self.deepest = maps if isinstance(maps, torch.Tensor) else maps[-1]

    def finish(
        self, module: nn.Module, inputs: Any, logits_BKHW: torch.Tensor
    ) -> torch.Tensor | Outputs:
        """Return the output of the network: its maps, or `Outputs` in training."""
        del module, inputs
        # Nothing of the pass is kept, because these tensors would prevent copies of the network.
        seen, deepest_map = self.seen, self.deepest
        self.seen, self.deepest = [], None
        presence_BF = self.presence(deepest_map) if self.presence is not None else None
        if not self.training:
            return self._without_absent(logits_BKHW, presence_BF)
        height, width = logits_BKHW.shape[2:]
        whole = (height + -height % self.multiple, width + -width % self.multiple)
        sides = tuple(
            functional.interpolate(head(map_BCHW), whole, mode="bilinear")[:, :, :height, :width]
            for head, map_BCHW in zip(self.sides, reversed(seen), strict=True)
        )
        return Outputs(logits_BKHW, sides, presence_BF)

    def _without_absent(
        self, logits_BKHW: torch.Tensor, presence_BF: torch.Tensor | None
    ) -> torch.Tensor:
        if presence_BF is None or self.threshold is None:
            return logits_BKHW
        absent_BF11 = (presence_BF.sigmoid() < self.threshold)[:, :, None, None]
        if not self.background:
            return torch.where(absent_BF11, -REMOVED, logits_BKHW)
        ground_B1HW, rest_BFHW = logits_BKHW[:, :1], logits_BKHW[:, 1:]
        rest_BFHW = torch.where(absent_BF11, ground_B1HW - REMOVED, rest_BFHW)
        return torch.cat([ground_B1HW, rest_BFHW], 1)


def attach(
    network: nn.Module,
    maps: int,
    target: Target,
    deep_supervision: DeepSupervisionSpec | None,
    presence: PresenceSpec | None,
) -> None:
    """Attach the requested heads to the network. Without any head, the network does not change.

    `maps` is the number of channels of the network's logits. It includes the background if classes
    do not overlap.
    """
    if deep_supervision is None and presence is None:
        return
    stages = coarse_stages(network)[: len(deep_supervision.weights)] if deep_supervision else []
    deep = deepest(network) if presence else None
    multiple = network.multiple if isinstance(network, Padded) else 1
    background = target == "single_label"
    heads = Auxiliary(stages, maps, deep, presence, background, multiple)
    # Bound methods, so that a copied network has hooks on its own copy of the heads.
    for module, _ in stages:
        module.register_forward_hook(heads.take)
    if deep is not None:
        deep[0].register_forward_hook(heads.take_deepest)
    network.register_forward_pre_hook(heads.begin)
    network.register_forward_hook(heads.finish)
    network.add_module(PART, heads)


def attach_problems(
    network: nn.Module,
    label: str,
    deep_supervision: DeepSupervisionSpec | None,
    presence: PresenceSpec | None,
) -> list[str]:
    """Return why this network, called `label`, cannot have the requested heads, one line for each
    reason. The network may be on the meta device."""
    problems = []
    if deep_supervision is not None:
        stages, wanted = len(coarse_stages(network)), len(deep_supervision.weights)
        if not stages:
            problems.append(
                f"trial.deep_supervision: {label} has no decoder with separate maps at coarser "
                "scales; leave deep_supervision out, or choose a U-Net, SegNet, EffUNet, or smp's "
                "unet, unetplusplus, linknet, manet, fpn or upernet"
            )
        elif stages < wanted:
            problems.append(
                f"trial.deep_supervision.weights: {wanted} weights, but {label} has only "
                f"{stages} below the finest stage; give {stages} at most"
            )
    if presence is not None and deepest(network) is None:
        problems.append(
            f"trial.presence: {label} has no deepest map to predict the image's classes from; "
            "leave presence out, or choose a U-Net, FCN, SegNet, EffUNet or any network of smp "
            "except dpt"
        )
    return problems
