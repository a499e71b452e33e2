"""Job files: all mistakes at once, and numbers as people write them."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from raytrain.config.competition import CompetitionSpec
from raytrain.config.expression import parse_expression
from raytrain.config.job import JobSpec
from raytrain.config.load import load_job
from raytrain.config.named import named_parts
from tests.job_text import MINIMAL, load_text

HERE = Path(__file__).parent

BROKEN = """
competiton: {}
competition:
  name: "a name"
  classes: [organ]
  group: N / 2
  metric: dise
  format: {image: "{split}/{nmae}.png", mask: mask.png, labels: {name: treshold}}
  splits: {trian: train}
  submission: {dialect: cardic, colums: [a, b]}
trial:
  model: {name: smp, decoder: unett, encoder: resnet19, wieghts: imagenet}
  loss: [{name: dise}, {weight: 2}, {name: cross_entropy, weight: -1}]
  optimizer: {name: adam, lr: fast}
  schedule: {name: cosin}
  framing: {name: tile}
  epochs: 0
  lr: 0.1
  augmentation: slice
search:
  scheduler: {name: asha, grac: 2}
  space:
    model.widht: {choice: [8]}
    optimizer.lr: {logunifrm: [1e-4, 1e-2]}
    ema: {uniform: [0.9, 0.1]}
folds: {count: 1}
resources: {cpus: two}
storage: s3://
"""


def test_a_broken_file_shows_every_problem_at_once() -> None:
    with pytest.raises(ValueError, match="in the configuration") as caught:
        load_text(BROKEN)
    assert f"{caught.value}\n" == (HERE / "config_errors.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds keys, such as"),
        ("- a\n- b\n", "holds keys, such as"),
        ("just words", "holds keys, such as"),
        ("a: [1\n", "not valid YAML"),
        ("a:\n\tb: 1\n", "not valid YAML"),
        ("trial: {}\n", "competition: missing"),
        (MINIMAL + "trial: 5\n", "trial: .*got 5"),
        (MINIMAL + "trial: {model: unet}\n", "trial.model: .*got 'unet'"),
        (MINIMAL + "trial: {loss: []}\n", "trial.loss: give at least one term"),
        (MINIMAL + "search: fast\n", "search: .*got 'fast'"),
        (MINIMAL + "search: {space: [1]}\n", r"search\.space: .*got \[1\]"),
        (MINIMAL + "search: {space: {3: {choice: [1]}}}\n", "search.space"),
        (MINIMAL + "profile: a\nprofiles: {a: fast}\n", "profiles"),
        (MINIMAL + "profile: a\nprofiles: [a]\n", "profiles"),
    ],
)
def test_what_is_no_job_is_a_value_error(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=rf"^job\.yaml: (?s:.*){words}"):
        load_text(text)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ValueError, match=r"nowhere\.yaml: no such job file"):
        load_job(Path("nowhere.yaml"), [])


@pytest.mark.parametrize("text", ["3e-4", "3E-4", "3.e-4", "+3e-4", "0.0003", "3.0e-4"])
def test_scientific_numbers_are_numbers(text: str) -> None:
    job = load_text(MINIMAL, [f"trial.optimizer={{name: adam, lr: {text}}}"])
    assert job.trial.optimizer.lr == 3e-4
    job = load_text(MINIMAL + f"search: {{space: {{optimizer.lr: {{loguniform: [{text}, 1]}}}}}}\n")
    assert job.search.space == {"optimizer.lr": {"loguniform": [3e-4, 1]}}


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("N", "cmr7", 7),
        ("(N+1)//2", "cmr7", 4),
        ("(N+1)//2", "cmr8", 4),
        ("N//10", "scan3_slice125", 12),
        ("N % 3 * 2 - 1", "x11", 3),
        ("1+2*3-N", "a0", 7),
    ],
)
def test_expressions_over_the_last_number_of_a_name(text: str, name: str, value: int) -> None:
    assert parse_expression(text)(name) == value


@pytest.mark.parametrize(
    "text",
    ["", "M", "N/2", "N**2", "N +", "abs(N)", "N if N else 1", "True", "1.5", "N.real", "N//0"],
)
def test_other_expressions_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expression|may be used|zero"):
        parse_expression(text)


def test_every_part_with_names_is_known_by_its_spec() -> None:
    found = named_parts(JobSpec)
    assert found >= {
        "model", "optimizer", "schedule", "ship", "mix", "framing", "scheduler", "sampler",
        "format", "splits", "group", "labels", "metric", "loss",
    }  # fmt: skip
    assert not found & {"competition", "notebook", "tracking", "submission", "trial"}


@pytest.mark.parametrize(
    ("classes", "words"),
    [(["a", "b", "a"], "'a' is listed twice"), (["a", " "], "class 1 has no name")],
)
def test_classes_have_names_of_their_own(classes: list[str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        CompetitionSpec.model_validate({"name": "x", "data": "d", "classes": classes})
