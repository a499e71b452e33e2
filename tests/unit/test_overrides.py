"""Overrides and profiles are laid over a job file."""

from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter

from raytrain.config.load import load_job
from raytrain.config.metrics import MetricSpec
from tests.job_text import MINIMAL, load_text


def test_overrides_are_laid_over_the_file_in_order() -> None:
    job = load_text(
        MINIMAL + "trial: {optimizer: {name: sgd, lr: 0.1}, epochs: 7, batch_size: 5}\n",
        [
            "trial.optimizer.lr=3e-4",
            "trial.epochs=3",
            "trial.epochs=4",
            "competition.data=a folder/with=sign",
            "trial.loss=[{name: dice, weight: 2}]",
            "search.space={ema: {uniform: [0, 0.5]}}",
        ],
    )
    assert (job.trial.optimizer.name, job.trial.optimizer.lr) == ("sgd", 3e-4)
    assert job.trial.epochs == 4
    assert job.competition.data == "a folder/with=sign"
    assert [(term.name, term.weight) for term in job.trial.loss] == [("dice", 2.0)]
    assert job.search.space == {"ema": {"uniform": [0, 0.5]}}
    assert job.trial.batch_size == 5


def test_an_override_reaches_into_a_part_that_the_file_leaves_at_its_default() -> None:
    job = load_text(MINIMAL, ["trial.optimizer.lr=3e-4", "trial.model.width=4"])
    assert (job.trial.optimizer.name, job.trial.optimizer.lr) == ("adam", 3e-4)
    assert (job.trial.model.name, job.trial.model.width) == ("unet", 4)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("trial.epochs", "--set trial.epochs: write it as"),
        ("=3", "--set =3: write it as"),
        ("trial.loss=[", r"--set trial.loss=\[: not valid YAML"),
        ("trial.epoch=3", "trial.epoch: unknown key 'epoch'; did you mean 'epochs'"),
        ("trial.epochs=many", "trial.epochs: .*got 'many'"),
    ],
)
def test_a_wrong_override_is_an_error(override: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        load_text(MINIMAL, [override])


PROFILES = (
    MINIMAL
    + """
profile: small
trial: {model: {name: unet, width: 8, depth: 3}, epochs: 5}
search: {space: {seed: {choice: [1, 2]}}}
profiles:
  small: {}
  large:
    trial: {model: {width: 32}, epochs: 50}
    search: {space: {ema: {choice: [0.5]}}, trials: 99}
  other:
    trial: {model: {name: smp, encoder: resnet34}}
"""
)


def test_a_profile_is_laid_over_the_file() -> None:
    small, large, other = (load_text(PROFILES, [], name) for name in (None, "large", "other"))
    assert small == load_text(PROFILES, [], "small")
    assert (small.trial.model.width, small.trial.epochs, small.search.trials) == (8, 5, 8)
    # What the profile does not name stays.
    assert (large.trial.model.width, large.trial.model.depth, large.trial.epochs) == (32, 3, 50)
    # Another name is another thing, and a space is replaced as a whole.
    assert other.trial.model.model_dump(exclude_defaults=True) == {"encoder": "resnet34"}
    assert large.search.space == {"ema": {"choice": [0.5]}}
    assert load_text(PROFILES, ["trial.epochs=1"], "large").trial.epochs == 1


def test_an_unknown_profile_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="profile: unknown 'larg'; did you mean 'large'"):
        load_text(PROFILES, [], "larg")
    with pytest.raises(ValueError, match="profile: unknown 'x'"):
        load_text(MINIMAL, [], "x")


def test_a_profile_may_be_empty() -> None:
    assert load_text(MINIMAL + "profile: a\nprofiles:\n  a:\n") == load_text(MINIMAL)


PERCENTILE = "competition: {metric: {name: hausdorff, percentile: 95}}"


@pytest.mark.parametrize(
    ("own", "override", "expected"),
    [
        (PERCENTILE, "competition.metric.name=dice", {"name": "dice"}),
        (PERCENTILE, "competition.metric.percentile=50", {"name": "hausdorff", "percentile": 50}),
        ("competition: {metric: iou}", "competition.metric.empty=0", {"name": "iou", "empty": 0}),
    ],
)
def test_an_override_keeps_what_belongs_to_the_name(
    own: str, override: str, expected: dict, tmp_path: Path
) -> None:
    base = {"name": "x", "data": "d", "classes": ["a", "b"]}
    tree = yaml.safe_load(own)
    path = tmp_path / "job.yaml"
    path.write_text(yaml.safe_dump({"competition": base | tree["competition"]}))
    wanted = TypeAdapter(MetricSpec).validate_python(expected)
    assert load_job(path, [override]).competition.metric == wanted
    key, _, value = override.partition("=")
    part = yaml.safe_load(value)
    for name in reversed(key.split(".")):
        part = {name: part}
    path.write_text(
        yaml.safe_dump({"competition": base | tree["competition"], "profiles": {"p": part}})
    )
    assert load_job(path, profile="p").competition.metric == wanted
