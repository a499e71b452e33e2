"""Optimizers: what a spec says stands in the built object, and what cannot work is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from raytrain.config.models import SmpSpec, UNetSpec
from raytrain.config.names import TORCH_OPTIMIZERS, UNFIT_OPTIMIZERS
from raytrain.config.space import with_values
from raytrain.config.space_check import space_problems
from raytrain.config.trial import TrialSpec
from raytrain.data.dataset import Batch
from raytrain.engine.optimizers import build_optimizer, optimizer_problem
from raytrain.engine.parallel import current_world
from raytrain.engine.precision import build_scaler
from raytrain.engine.step import train_step
from raytrain.engine.trainable import make_trainable
from raytrain.engine.trial import Samples
from raytrain.losses import build_loss
from raytrain.models import build_model, without_memory
from tests.runs import run_of
from tests.tiny import make_task


def _spec(optimizer: dict[str, Any]) -> TrialSpec:
    return TrialSpec.model_validate({"optimizer": optimizer})


def _net() -> nn.Module:
    torch.manual_seed(0)
    return build_model(UNetSpec(width=2, depth=1), 1, 2, None)


def test_the_names_are_torchs() -> None:
    classes = {
        name
        for name, found in vars(torch.optim).items()
        if isinstance(found, type) and issubclass(found, torch.optim.Optimizer)
    }
    assert {*TORCH_OPTIMIZERS, *UNFIT_OPTIMIZERS} == classes - {"Optimizer"}


@pytest.mark.parametrize(
    ("optimizer", "kind", "values"),
    [
        ({"name": "adam"}, "Adam", {"lr": 1e-3, "betas": (0.9, 0.999), "fused": True}),
        ({"name": "adam", "betas": [0.5, 0.9]}, "Adam", {"betas": (0.5, 0.9)}),
        ({"name": "adamw"}, "AdamW", {"weight_decay": 1e-2, "fused": True}),
        (
            {"name": "rmsprop", "alpha": 0.8, "momentum": 0.7, "centered": True},
            "RMSprop",
            {"lr": 1e-3, "alpha": 0.8, "momentum": 0.7, "centered": True},
        ),
        ({"name": "sgd"}, "SGD", {"lr": 1e-2, "momentum": 0.9, "nesterov": False}),
        ({"name": "sgd", "nesterov": True, "lr": 0.1}, "SGD", {"lr": 0.1, "nesterov": True}),
        (
            {"name": "torch", "optimizer": "RAdam", "parameters": {"betas": [0.5, 0.6]}},
            "RAdam",
            {"lr": 1e-3, "betas": (0.5, 0.6), "weight_decay": 0},
        ),
        ({"name": "torch", "optimizer": "AdamW"}, "AdamW", {"weight_decay": 1e-2}),
        ({"name": "torch", "optimizer": "AdamW", "weight_decay": 0}, "AdamW", {"weight_decay": 0}),
    ],
)
def test_a_spec_reaches_the_built_object(
    optimizer: dict[str, Any], kind: str, values: dict[str, Any]
) -> None:
    built = build_optimizer(_spec(optimizer).optimizer, _net())
    assert type(built).__name__ == kind
    for group in built.param_groups:
        assert {key: group[key] for key in values} == values


def test_sampled_values_reach_the_built_object() -> None:
    values = {
        "optimizer.name": "torch",
        "optimizer.optimizer": "Adamax",
        "optimizer.lr": 0.02,
        "optimizer.parameters.eps": 1e-5,
        "optimizer.weight_decay": 0.3,
    }
    group = build_optimizer(with_values(TrialSpec(), values).optimizer, _net()).param_groups[0]
    assert (group["lr"], group["eps"], group["weight_decay"]) == (0.02, 1e-5, 0.3)


@pytest.mark.parametrize("name", TORCH_OPTIMIZERS)
def test_every_optimizer_of_torch_learns_and_goes_on_from_its_state(name: str) -> None:
    spec = _spec({"name": "torch", "optimizer": name, "lr": 0.01}).optimizer
    image, target = torch.randn(2, 1, 8, 8), torch.randint(0, 2, (2, 8, 8))

    def train(net: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> list[float]:
        losses = []
        for _ in range(steps):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(image), target)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    assert optimizer_problem(spec, _net()) is None
    whole = _net()
    losses = train(whole, build_optimizer(spec, whole), 8)
    assert losses[-1] < losses[0]
    first = _net()
    before = build_optimizer(spec, first)
    train(first, before, 4)
    second = _net()
    second.load_state_dict(first.state_dict())
    after = build_optimizer(spec, second)
    after.load_state_dict(before.state_dict())
    assert train(second, after, 4) == losses[4:]


def test_norms_and_biases_can_be_spared_from_decay() -> None:
    net = _net()
    spec = _spec({"name": "sgd", "weight_decay": 0.5, "lr": 0.1, "decay_on": "weights"})
    decayed, spared = build_optimizer(spec.optimizer, net).param_groups
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.5, 0.0)
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    expected = {id(p) for norm in norms for p in norm.parameters()}
    expected |= {id(p) for name, p in net.named_parameters() if name.endswith("bias")}
    assert {id(p) for p in spared["params"]} == expected
    assert len(decayed["params"]) + len(spared["params"]) == len(list(net.parameters()))
    # And it works: without gradients only what decays shrinks.
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    build_optimizer(spec.optimizer, net).step()
    for name, parameter in net.named_parameters():
        shrunk = before[name] * (1.0 if id(parameter) in expected else 0.95)
        torch.testing.assert_close(parameter.detach(), shrunk, msg=name)


@pytest.mark.parametrize("decay_on", ["all", "weights"])
def test_the_encoder_has_a_rate_of_its_own(decay_on: str) -> None:
    net = build_model(SmpSpec(encoder="resnet18"), 1, 2, None)
    values = {"encoder_lr_factor": 0.1, "lr": 0.02, "weight_decay": 1e-4, "decay_on": decay_on}
    groups = build_optimizer(_spec({"name": "adamw", **values}).optimizer, net).param_groups
    inside = {id(parameter) for parameter in net.encoder.parameters()}
    assert groups[0]["lr"] == 0.02
    found = []
    for group in groups:
        ids = [id(parameter) for parameter in group["params"]]
        found += ids
        of_encoder = group["lr"] == pytest.approx(0.002)
        assert all((id in inside) == of_encoder for id in ids)
    assert sorted(found) == sorted(id(parameter) for parameter in net.parameters())
    assert len(groups) == (2 if decay_on == "all" else 4)


def test_by_default_all_parameters_are_one_group_in_their_order() -> None:
    net = _net()
    (group,) = build_optimizer(TrialSpec().optimizer, net).param_groups
    assert list(map(id, group["params"])) == list(map(id, net.parameters()))


@pytest.mark.parametrize(
    ("optimizer", "words"),
    [
        ({"encoder_lr_factor": 0.1}, "encoder_lr_factor: this model has no separate encoder"),
        ({"name": "sgd", "momentum": 0, "nesterov": True}, "Nesterov momentum requires"),
        (
            {"name": "torch", "optimizer": "RAdam", "parameters": {"beta": 1}},
            "parameters.beta: unknown 'beta'; did you mean 'betas'?",
        ),
        (
            {"name": "torch", "optimizer": "RAdam", "parameters": {"betas": [2, 0.9]}},
            "Invalid beta parameter",
        ),
        (
            {"name": "torch", "optimizer": "RAdam", "parameters": {"betas": "high"}},
            "not supported between",
        ),
        (
            {"name": "torch", "optimizer": "SGD", "parameters": {"lr": 1}},
            "parameters.lr: raytrain sets it; leave it out",
        ),
    ],
)
def test_what_cannot_train_is_refused_in_words(optimizer: dict[str, Any], words: str) -> None:
    model = without_memory(UNetSpec(width=2, depth=1), 1, 2)
    assert words in str(optimizer_problem(_spec(optimizer).optimizer, model))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("LBFGS", "LBFGS cannot be used: it needs a closure"),
        ("SparseAdam", "SparseAdam cannot be used"),
        ("Muon", "Muon cannot be used"),
        ("Radam", "unknown 'Radam'; did you mean 'RAdam'?"),
    ],
)
def test_an_unfit_or_unknown_optimizer_is_a_config_error(name: str, words: str) -> None:
    space = {"optimizer": {"choice": [{"name": "torch", "optimizer": name}]}}
    (problem,) = space_problems(space, TrialSpec())
    assert problem.startswith("search.space.optimizer: in trial.optimizer.optimizer: ")
    assert words in problem


def test_all_is_refused_before_a_worker_is_asked_for(tmp_path: Path, samples: Samples) -> None:
    wrong = [
        {"encoder_lr_factor": 0.1},
        {"name": "torch", "optimizer": "NAdam", "parameters": {"momentum": 0.9}},
        {"name": "sgd"},
    ]
    tasks = [make_task(tmp_path, samples, _spec(optimizer)) for optimizer in wrong]
    with pytest.raises(ValueError, match="no separate encoder") as caught:
        make_trainable(tasks, run_of(tmp_path, samples.report))
    first, second = str(caught.value).split("\n")
    assert first.startswith(
        "trial.optimizer: encoder_lr_factor: this model has no separate encoder"
    )
    assert second == (
        "trial.optimizer: parameters.momentum: unknown 'momentum'; did you mean 'momentum_decay'?"
    )


@pytest.mark.parametrize("limit", [0.0, 1e-3])
def test_gradients_are_clipped_where_that_is_asked_for(limit: float) -> None:
    net = _net()
    spec = TrialSpec.model_validate({"optimizer": {"name": "sgd"}, "clip_norm": limit})
    optimizer = build_optimizer(spec.optimizer, net)
    batch = Batch(torch.randn(2, 1, 8, 8), torch.randint(0, 2, (2, 8, 8)), np.arange(2), 2, 2)
    loss = build_loss(spec.loss, "single_label", ())
    world = current_world()
    scaler = build_scaler(spec, world.device)
    train_step(net, batch, loss, optimizer, scaler, spec, world)
    norm = float(torch.stack([p.grad.norm() for p in net.parameters()]).norm())
    assert norm == pytest.approx(limit, rel=1e-3) if limit else norm > 1e-2
