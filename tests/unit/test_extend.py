"""`extend`: parts of a user's file, from the YAML to the built objects."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from raytrain.config.job import JobSpec
from raytrain.config.load import load_job
from raytrain.config.own import current_sources
from raytrain.losses import build_loss
from raytrain.metrics import gathered, score
from raytrain.metrics.evidence import Evidence
from raytrain.models import build_model, refusal
from raytrain.pipeline.check import refuse_another_metric
from raytrain.runs.extensions import keep_extensions, load_extensions
from raytrain.runs.layout import RunDir
from raytrain.runs.record import task_fingerprint
from tests.unit.own_job import JOB, layers


def changed(own_folder: Path) -> None:
    """Another text of the file."""
    file = own_folder / "mine" / "own_parts.py"
    file.write_text(file.read_text().replace("nn.ReLU()", "nn.Tanh()"))


def test_the_parts_are_built_from_the_file(own_folder: Path) -> None:
    job = load_job(own_folder / "job.yaml", ["trial.model.width=5"])
    network = build_model(job.trial.model, 2, 4, None)
    assert isinstance(network, nn.Sequential)
    assert network[0].weight.shape == (5, 2, 3, 3)
    assert network(torch.zeros(1, 2, 7, 9)).shape == (1, 4, 7, 9)
    assert refusal(job.trial.model, 2, 4, 8, 8) is None
    logits = torch.zeros(1, 2, 2, 2)
    mask = torch.tensor([[[0, 1], [1, 1]]])
    # Each probability is 1/2: -log(2 x .5 + 1) / (2 + 1 + 1) and -log(2 x 1.5 + 1) / (2 + 3 + 1).
    expected = np.log(2) + 0.5 * -np.mean(np.log([2 / 4, 4 / 6]))
    built = build_loss(job.trial.loss, "single_label", (1, 3))
    assert float(built(logits, mask)) == pytest.approx(expected)
    counts = np.array([[[9, 0, 0], [2, 1, 1]], [[9, 0, 0], [1, 1, 1]]])
    assert score(job.competition.metric, Evidence(counts)) == pytest.approx(6 / 10)
    assert gathered(job.competition.metric) == ()
    assert job.trial.label.startswith("two_convolutions_cross_entropy+log_dice_")


def test_their_place_in_a_search_and_in_weighted_metrics(own_folder: Path) -> None:
    space = "search.space={model: {choice: [{name: two_convolutions, width: 2}, {name: unet}]}}"
    metric = "competition.metric={name: weighted, terms: [{metric: worst_dice}, {metric: dice}]}"
    job = load_job(own_folder / "job.yaml", [space, metric])
    assert job.competition.metric.label == "1 worst_dice + 1 Dice"
    perfect = Evidence(np.array([[[9, 0, 0], [2, 0, 0]]]))
    assert score(job.competition.metric, perfect) == 2
    assert JobSpec.model_validate_json(job.model_dump_json()) == job
    assert load_job(own_folder / "job.yaml", ["competition.metric=worst_dice"]).competition.metric


def test_another_text_is_another_trial_and_the_old_one_is_kept(own_folder: Path) -> None:
    run = RunDir(own_folder / "run")
    first = load_job(own_folder / "job.yaml")
    keep_extensions(run)
    dump = json.loads(json.dumps(first.model_dump(mode="json")))
    assert dump["trial"]["model"]["extend"] == current_sources()[0].hash
    changed(own_folder)
    second = load_job(own_folder / "job.yaml")
    keep_extensions(run)
    prints = {task_fingerprint(job.trial, "data", "split", 1) for job in (first, second)}
    assert len(prints) == 2
    # What was recorded is built as it was, what the job says now as it is now.
    load_extensions(run)
    assert layers(JobSpec.model_validate(dump)) == ["Conv2d", "ReLU", "Conv2d"]
    assert layers(second) == ["Conv2d", "Tanh", "Conv2d"]
    assert len(list(run.extend.glob("*/own_parts.py"))) == 2


def test_a_text_that_was_never_kept_is_named(own_folder: Path) -> None:
    tree = load_job(own_folder / "job.yaml").model_dump(mode="json")
    tree["trial"]["model"]["extend"] = "0123456789ab"
    with pytest.raises(
        ValueError,
        match=r"two_convolutions is defined in a Python file that is not loaded here .*0123",
    ):
        JobSpec.model_validate(tree)


def test_a_run_keeps_its_metric_and_its_file(own_folder: Path) -> None:
    run = RunDir(own_folder / "run")
    run.trials.mkdir(parents=True)
    first = load_job(own_folder / "job.yaml")
    run.config.write_text(first.model_dump_json())
    refuse_another_metric(first, run)
    changed(own_folder)
    second = load_job(own_folder / "job.yaml")
    with pytest.raises(ValueError, match=r"\(worst_dice with .* or from another file\)"):
        refuse_another_metric(second, run)


def test_names_of_another_job_are_unknown(own_folder: Path) -> None:
    load_job(own_folder / "job.yaml")
    tree = yaml.safe_load(JOB)
    del tree["extend"]
    (own_folder / "job.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(ValueError, match="unknown 'two_convolutions'"):
        load_job(own_folder / "job.yaml")


def test_wrong_words_name_the_users_own(own_folder: Path) -> None:
    overrides = [
        "trial.model={name: two_convolution}",
        "trial.loss=[{name: log_dise}, {name: log_dice, wieght: 1}]",
        "competition.metric=worst_dise",
        "search.space={model: {choice: [{name: two_convolutions, widht: 2}]}}",
    ]
    with pytest.raises(ValueError, match="in the configuration") as caught:
        load_job(own_folder / "job.yaml", overrides)
    assert str(caught.value).split("\n")[1:] == [
        "  competition.metric: unknown 'worst_dise'; did you mean 'worst_dice'?",
        "  trial.model.name: unknown 'two_convolution'; did you mean 'two_convolutions'?",
        "  trial.loss[0].name: unknown 'log_dise'; did you mean 'log_dice'?",
        "  trial.loss[1].wieght: unknown key 'wieght'; did you mean 'weight'?",
        "  search.space.model: in trial.model.widht: unknown key 'widht'; did you mean 'width'?",
    ]
