"""What only a GPU can do is refused with its reason where there is none."""

import platform

import pytest
import torch

from raytrain.backend.problems import device_problems
from raytrain.config.competition import CompetitionSpec
from raytrain.config.job import JobSpec, ResourcesSpec, SearchSpec
from raytrain.config.trial import TrialSpec
from raytrain.engine.share import gpu_share, refuse_missing_gpu

COMPETITION = CompetitionSpec(name="t", data="folder", classes=("background", "organ"))


def job(trial: TrialSpec, gpus: float, search: SearchSpec | None = None) -> JobSpec:
    return JobSpec(
        competition=COMPETITION,
        trial=trial,
        resources=ResourcesSpec(gpus=gpus),
        search=search or SearchSpec(),
    )


@pytest.mark.parametrize(
    ("field", "value"), [("batch_norm", "synced"), ("precision", "tf32"), ("precision", "fp16")]
)
def test_what_needs_a_gpu_is_refused_without_one(field: str, value: str) -> None:
    wish = TrialSpec.model_validate({field: value})
    (problem,) = device_problems(job(wish, gpus=0), "ray")
    assert problem.startswith(f"trial.{field}: {value} needs GPUs, but resources.gpus is 0: ")
    (problem,) = device_problems(job(wish, gpus=0), "local")
    assert "this machine has none" in problem
    assert device_problems(job(wish, gpus=1), "ray") == []
    assert device_problems(job(TrialSpec(), gpus=0), "ray") == []
    search = SearchSpec(space={field: {"grid": [value]}}, trials=1)
    assert len(device_problems(job(TrialSpec(), 0, search), "ray")) == 1


@pytest.mark.parametrize("gpus", [0.25, 1, 2])
def test_a_gpu_that_is_not_there_is_refused_with_node_and_reason(
    gpus: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    words = rf"resources\.gpus: {gpus:g} requested, but {platform.node()} has none that torch can "
    with pytest.raises(ValueError, match=words) as caught, gpu_share(gpus):
        pass
    assert "CUDA_VISIBLE_DEVICES is '3'" in str(caught.value)
    assert device_problems(job(TrialSpec(), gpus), "local") == [str(caught.value)]
    assert device_problems(job(TrialSpec(), gpus), "ray") == []  # its workers may have some


def test_without_a_wish_the_cpu_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    refuse_missing_gpu(0)
    assert device_problems(job(TrialSpec(), 0), "local") == []
