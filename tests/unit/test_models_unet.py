"""The U-Net: its size by hand and by the reports, its open topology, odd and small sizes."""

import pytest
import torch
from torch import nn

from raytrain.config.models import UNetASpec, UNetBase, UNetCSpec, UNetSpec
from raytrain.models import refusal
from tests.model_cases import built, count, image, on_meta


def test_its_size_by_hand() -> None:
    def stage(inner: int, outer: int) -> int:  # two 3x3 convolutions without bias, two norms
        return 9 * inner * outer + 2 * outer + 9 * outer * outer + 2 * outer

    down = stage(1, 24) + stage(24, 48) + stage(48, 96) + stage(96, 192) + stage(192, 384)
    merge = stage(384, 192) + stage(192, 96) + stage(96, 48) + stage(48, 24)
    up = sum(4 * deep * (deep // 2) + deep // 2 for deep in (384, 192, 96, 48))
    head = 24 * 4 + 4
    assert count(on_meta(UNetSpec(width=24), 1, 4)) == down + merge + up + head == 4367716


@pytest.mark.parametrize(
    ("width", "parameters"), [(24, 4369924), (48, 17465092), (96, 69831172), (120, 109102084)]
)
def test_system_as_width_study(width: int, parameters: int) -> None:
    assert count(on_meta(UNetASpec(width=width), 1, 4)) == parameters


@pytest.mark.parametrize(("convs", "parameters"), [(3, 12255896), (2, 8284348)])
def test_system_cs_topology(convs: int, parameters: int) -> None:
    """The figures are those of the report's own network with one channel and four classes."""
    network = on_meta(UNetCSpec(convs=convs), 1, 4)
    assert count(network) == parameters
    layers = [layer for layer in network.modules() if type(layer) is nn.Conv2d]
    assert [conv.kernel_size[0] for conv in layers] == [7] * convs + [3] * 9 * convs
    outputs = (32, 64, 128, 256, 512, 256, 128, 64, 32, 4)
    assert [conv.out_channels for conv in layers[::convs]] == list(outputs)
    pools = [layer for layer in network.modules() if isinstance(layer, nn.MaxPool2d)]
    assert [(p.kernel_size, p.stride, p.padding) for p in pools] == [(3, 2, 1)] * 5


@pytest.mark.parametrize("blocks", [2, 3, 4, 5])
def test_system_cs_blocks_are_poolings_and_skips_are_pooled(blocks: int) -> None:
    network = built(UNetCSpec(width=4, depth=blocks), 1, 4)
    sides: dict[str, list[int]] = {"contract": [], "expand": []}
    inputs = []
    for half, found in sides.items():
        for block in network.get_submodule(half).children():
            block.register_forward_hook(lambda _, __, x, to=found: to.append(x.shape[3]))
    for block in network.expand:
        block.register_forward_pre_hook(lambda _, x: inputs.append(tuple(x[0].shape[1:3])))
    network(image(1, 96, 96))
    assert sides["contract"] == [96 >> step for step in range(1, blocks + 1)]
    assert sides["expand"] == [96 >> step for step in range(blocks)][::-1]
    # The deepest map alone, then at each resolution the map and the pooled map below full size.
    joined = [(8 << level, 96 >> level + 1) for level in range(blocks - 1)][::-1]
    assert inputs == [(4 << blocks - 1, 96 >> blocks), *joined]


def test_system_cs_dropout_follows_each_convolution() -> None:
    network = built(UNetCSpec(width=2, depth=2, dropout=0.3), 1, 4)
    rates = [layer.p for layer in network.modules() if isinstance(layer, nn.Dropout)]
    assert rates == [0.3] * 2 * 4
    noise = image(1, 32, 32)
    assert torch.equal(network(noise), network(noise))
    assert not torch.equal(network.train()(noise), network(noise))


TOPOLOGIES = [
    *(UNetSpec(width=2, depth=2, kernel=k, first_kernel=f) for k, f in ((1, 5), (5, None), (7, 1))),
    *(UNetSpec(width=2, depth=2, convs=convs) for convs in (1, 6)),
    *(
        UNetSpec(width=2, depth=2, activation=a)
        for a in ("leaky_relu", "sigmoid", "tanh", "hardtanh")
    ),
    *(UNetSpec(width=2, depth=2, norm=norm, bias=True) for norm in ("instance", "none")),
    *(
        UNetSpec(width=2, depth=3, down=down, up=up)
        for down in ("max2", "max3", "conv")
        for up in ("transposed2", "transposed3", "bilinear")
    ),
    *(UNetCSpec(width=2, depth=depth, dropout=0.1) for depth in (1, 2, 5)),
    UNetCSpec(width=2, convs=3, kernel=1, activation="tanh", norm="group"),
]


@pytest.mark.parametrize("spec", TOPOLOGIES, ids=lambda spec: spec.label)
def test_every_topology_trains(spec: UNetBase) -> None:
    network = built(spec, 2, 3).train()
    for size in ((16, 24), (17, 31)):
        assert refusal(spec, 2, 3, *size) is None
        network.zero_grad()
        logits = network(image(2, *size))
        assert logits.shape == (2, 3, *size)
        logits.square().sum().backward()
        assert not [name for name, value in network.named_parameters() if value.grad is None]


def test_labels_say_what_differs() -> None:
    assert UNetSpec(norm="group").label == "unet16x4-group"
    spec = UNetCSpec(convs=3, activation="tanh", dropout=0.2)
    assert spec.label == "unet_c32x5-convs3-tanh-dropout0.2"
    assert len({spec.label for spec in TOPOLOGIES}) == len(TOPOLOGIES)


@pytest.mark.parametrize("size", [(16, 16), (17, 19), (31, 16), (50, 33)])
@pytest.mark.parametrize("depth", [1, 3, 4])
def test_odd_sizes(depth: int, size: tuple[int, int]) -> None:
    spec = UNetSpec(width=2, depth=depth)
    assert refusal(spec, 1, 3, *size) is None
    with torch.inference_mode():
        assert built(spec, 1, 3)(image(1, *size)).shape == (2, 3, *size)


@pytest.mark.parametrize(
    ("size", "depth"), [((64, 64), 6), ((96, 63), 5), ((32, 96), 5), ((8, 9), 3), ((2, 2), 1)]
)
def test_the_depth_is_lowered_to_what_fits(size: tuple[int, int], depth: int) -> None:
    spec = UNetSpec(width=2, depth=6)
    fitted = spec.fitted(*size)
    assert fitted.depth == depth
    assert refusal(fitted, 1, 3, *size) is None
    if depth < 6:
        assert refusal(fitted.model_copy(update={"depth": depth + 1}), 1, 3, *size)
