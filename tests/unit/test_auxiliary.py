"""Deep supervision and the image-level head: what is built, what is learned, what is shipped."""

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import distributed, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from raytrain.config.auxiliary import DeepSupervisionSpec, PresenceSpec
from raytrain.config.models import (
    EffUNetSpec,
    FcnSpec,
    ModelSpec,
    NingSpec,
    SegNetSpec,
    SetrSpec,
    SmpSpec,
    UNetCSpec,
    UNetSpec,
)
from raytrain.engine.export import export_program
from raytrain.engine.parallel import World
from raytrain.engine.reporter import SilentReporter
from raytrain.engine.shipped import shipped_checkpoint
from raytrain.engine.trainable import make_trainable
from raytrain.engine.trial import Samples, run_trial
from raytrain.ensemble.prediction import member_probabilities
from raytrain.ensemble.predictor import load_predictor
from raytrain.models import without_memory
from raytrain.models.heads import Outputs, attach, attach_problems
from raytrain.models.stages import coarse_stages, deepest
from tests.model_cases import built, image
from tests.runs import run_of
from tests.tiny import SPEC, make_task

SUPERVISED: list[tuple[ModelSpec, list[int]]] = [
    (UNetSpec(width=4, depth=3), [2, 4]),
    (UNetCSpec(width=4), [2, 4, 8, 16]),
    (SegNetSpec(encoder="vgg11_bn"), [2, 4, 8, 16]),
    (EffUNetSpec(encoder="efficientnet-b0"), [2, 4, 8, 16]),
    (SmpSpec(), [2, 4, 8, 16]),
    (SmpSpec(decoder="unet", encoder="mit_b0"), [2, 4, 8, 16]),
    (SmpSpec(decoder="unetplusplus"), [2, 4, 8, 16]),
    (SmpSpec(decoder="linknet"), [2, 4, 8, 16]),
    (SmpSpec(decoder="manet"), [2, 4, 8, 16]),
    (SmpSpec(decoder="fpn"), [4, 8, 16, 32]),
    (SmpSpec(decoder="upernet"), [4, 8, 16]),
]
"""Networks, and the strides of the stages that can be supervised, the finest first."""


def _weights(number: int) -> DeepSupervisionSpec:
    return DeepSupervisionSpec(weights=tuple(0.5**n for n in range(1, number + 1)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "strides"), SUPERVISED, ids=[spec.label for spec, _ in SUPERVISED]
)
def test_heads_stand_at_the_decoders_stages_and_learn(spec: ModelSpec, strides: list[int]) -> None:
    network, plain = built(spec, 1, 3), built(spec, 1, 3)
    seen: list[int] = []
    for module, width in coarse_stages(network):
        module.register_forward_hook(
            lambda _, __, x, w=width: seen.append((x.shape[3], x.shape[1] == w))
        )
    attach(network, 3, "single_label", _weights(len(strides)), PresenceSpec())
    noise = image(1, 45, 64)
    outputs = network.train()(noise)
    assert isinstance(outputs, Outputs)
    assert seen[::-1] == [(64 // stride, True) for stride in strides]
    assert [side.shape for side in outputs.sides] == [(2, 3, 45, 64)] * len(strides)
    assert outputs.presence_BF is not None
    assert outputs.presence_BF.shape == (2, 2)
    (
        sum(side.square().mean() for side in outputs.sides) + outputs.presence_BF.square().mean()
    ).backward()
    for name, parameter in network.auxiliary.named_parameters():
        assert parameter.grad.abs().sum() > 0, name
    for module, _ in coarse_stages(network):
        assert any(parameter.grad.abs().sum() > 0 for parameter in module.parameters())
    # In evaluation it is the network that it would be without heads, under the same names.
    own = plain.state_dict()
    assert [name for name in network.state_dict() if not name.startswith("auxiliary.")] == list(own)
    plain.load_state_dict({name: network.state_dict()[name] for name in own})
    with torch.no_grad():
        assert torch.equal(network.eval()(noise), plain.eval()(noise))


def test_a_side_map_is_its_stage_enlarged() -> None:
    network = built(UNetSpec(width=4, depth=2), 1, 3).train()
    stages = coarse_stages(network)
    assert [(module is network.merge[1], width) for module, width in stages] == [(True, 8)]
    kept = []
    network.merge[1].register_forward_hook(lambda _, __, x: kept.append(x))
    attach(network, 3, "single_label", _weights(1), None)
    outputs = network(image(1, 8, 12))
    (head,) = network.auxiliary.sides
    assert (head.in_channels, head.out_channels, head.kernel_size) == (8, 3, (1, 1))
    expected = functional.interpolate(head(kept[0]), (8, 12), mode="bilinear")
    assert torch.equal(outputs.sides[0], expected)
    assert outputs.presence_BF is None


@pytest.mark.parametrize("target", ["single_label", "multi_label"])
def test_what_is_held_to_be_absent_is_removed(target: str) -> None:
    network = built(UNetSpec(width=4, depth=2), 1, 3)
    noise = image(1, 16, 16)
    before = network(noise)
    attach(network, 3, target, None, PresenceSpec(threshold=0.3))
    single = target == "single_label"
    linear = network.auxiliary.presence[3]
    assert (linear.in_features, linear.out_features) == (16, 3 - single)
    nn.init.zeros_(linear.weight)
    kept, removed = math.log(0.31 / 0.69), math.log(0.29 / 0.71)
    linear.bias.data = torch.tensor([removed, kept] if single else [kept, removed, kept])
    with torch.no_grad():
        after = network.eval()(noise)
    gone = 1
    others = [channel for channel in range(3) if channel != gone]
    assert torch.equal(after[:, others], before[:, others])
    expected = before[:, 0] - 20 if single else torch.full_like(before[:, 0], -20)
    assert torch.equal(after[:, gone], expected)
    # Without a threshold the head changes nothing.
    network.auxiliary.threshold = None
    with torch.no_grad():
        assert torch.equal(network(noise), before)


@pytest.mark.slow
def test_copies_compiled_networks_and_broken_passes() -> None:
    network = built(UNetSpec(width=4, depth=2), 1, 3).train()
    attach(network, 3, "single_label", _weights(1), PresenceSpec(dropout=0))
    noise = image(1, 16, 16)
    expected = network(noise)
    compiled = torch.compile(network, backend="eager")(noise)
    other = copy.deepcopy(network)
    nn.init.zeros_(network.auxiliary.sides[0].weight)
    for outputs in (compiled, other(noise)):
        torch.testing.assert_close(outputs.sides[0], expected.sides[0])
        torch.testing.assert_close(outputs.presence_BF, expected.presence_BF)
    breaking = other.head.register_forward_pre_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        other(noise)
    breaking.remove()
    torch.testing.assert_close(other(noise).sides[0], expected.sides[0])


@pytest.mark.parametrize("accumulate", [1, 2])
def test_workers_share_the_heads_gradients(tmp_path: Path, accumulate: int) -> None:
    distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1
    )
    try:
        network = built(UNetSpec(width=4, depth=2), 1, 3).train()
        attach(network, 3, "single_label", _weights(1), PresenceSpec(dropout=0))
        plain = copy.deepcopy(network)
        wrapped = World(0, 2, torch.device("cpu")).wrap(network, accumulate)
        assert isinstance(wrapped, DistributedDataParallel)
        for _ in range(2):
            for each in (wrapped, plain):
                outputs = each(image(1, 16, 16))
                assert isinstance(outputs, Outputs)
                (outputs.sides[0].sum() + outputs.presence_BF.sum() + outputs[0].sum()).backward()
        for one, other in zip(network.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad)
    finally:
        distributed.destroy_process_group()


def test_networks_without_stages_are_refused_with_the_reason() -> None:
    deep, presence = _weights(2), PresenceSpec()
    for spec in (NingSpec(), FcnSpec(), SetrSpec(), SmpSpec(decoder="deeplabv3plus")):
        (problem,) = attach_problems(without_memory(spec, 1, 2), spec.label, deep, None)
        assert problem.startswith(
            f"trial.deep_supervision: {spec.label} has no decoder with separate maps"
        )
    shallow = without_memory(UNetSpec(depth=2), 1, 2)
    (problem,) = attach_problems(shallow, "unet16x2", deep, presence)
    assert "2 weights, but unet16x2 has only 1 below the finest stage; give 1 at most" in problem
    dpt = SmpSpec(decoder="dpt", encoder="tu-vit_tiny_patch16_224")
    for spec in (NingSpec(), SetrSpec(), dpt):
        (problem,) = attach_problems(without_memory(spec, 1, 2), spec.label, None, presence)
        assert problem.startswith(f"trial.presence: {spec.label} has no deepest map")
    assert deepest(without_memory(FcnSpec(), 1, 2))[1] == 512


def test_the_driver_refuses_them_before_the_start(tmp_path: Path, samples: Samples) -> None:
    spec = SPEC.model_copy(update={"model": NingSpec(), "presence": PresenceSpec()})
    shallow = SPEC.model_copy(update={"deep_supervision": _weights(2)})
    tasks = [make_task(tmp_path, samples, each) for each in (spec, shallow)]
    with pytest.raises(ValueError, match="2 weights") as error:
        make_trainable(tasks, run_of(tmp_path, samples.report))
    first, second = str(error.value).splitlines()
    assert first.startswith("trial.deep_supervision.weights: 2 weights, but unet4x2")
    assert second.startswith("trial.presence: ning has no deepest map")


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [None, 0.5])
def test_trained_shipped_and_exported(
    tmp_path: Path, samples: Samples, threshold: float | None
) -> None:
    changes = {
        "epochs": 2,
        "deep_supervision": DeepSupervisionSpec(weights=(0.5,)),
        "presence": PresenceSpec(threshold=threshold),
    }
    task = make_task(tmp_path / "t", samples, SPEC.model_copy(update=changes))
    run_trial(task, samples, SilentReporter())
    checkpoint = shipped_checkpoint(task.trial_dir)
    heads = [name for name in _state(checkpoint) if name.startswith("auxiliary.")]
    assert heads == [f"auxiliary.{name}" for name in (
        "sides.0.weight", "sides.0.bias", "presence.3.weight", "presence.3.bias",
    )]  # fmt: skip
    predictor = load_predictor(checkpoint)
    kept = [name for name in predictor.state_dict() if "auxiliary" in name]
    assert len(kept) == (0 if threshold is None else 2)
    export_program(checkpoint, tmp_path / ("net.pt2" if threshold is None else "net.onnx"))
    (row,) = samples.cache.rows(task.val_ids[:1])
    image_BCHW = torch.from_numpy(np.array(samples.cache.image(row))).float().permute(2, 0, 1)[None]
    (expected,) = member_probabilities(checkpoint, samples.cache, task.val_ids[:1])
    with torch.no_grad():
        np.testing.assert_allclose(predictor(image_BCHW)[0].numpy(), expected, atol=1e-6)


def _state(checkpoint: Path) -> dict[str, torch.Tensor]:
    return torch.load(checkpoint, weights_only=True)["model"]
