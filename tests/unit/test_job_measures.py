"""Settings of a job that depend on one another: measures, classes, votes and kept weights."""

import pytest
import yaml

from raytrain.config.job import JobSpec

MINIMAL = "competition: {name: tiny, data: folder, classes: [background, organ]}\n"


def test_configurations_vote_on_a_held_out_part_if_their_weights_are_kept() -> None:
    tree = yaml.safe_load(MINIMAL) | {"folds": "none"}
    assert JobSpec.model_validate(tree).candidates == 1
    tree["cv"] = {"candidates": 5}
    with pytest.raises(ValueError, match=r"only 3 trials; set search\.keep to 5, or"):
        JobSpec.model_validate(tree)
    assert JobSpec.model_validate(tree | {"search": {"keep": 5}}).candidates == 5
    assert JobSpec.model_validate(yaml.safe_load(MINIMAL)).candidates == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"metric": {"name": "dice", "only": 2}},
            "dice: only: 2: write a class number",
        ),
        (
            {"measures": [{"name": "cross_entropy", "class_weights": [1, 2, 3]}]},
            "measures: cross_entropy: 3 weights for 2 classes",
        ),
        ({"measures": [{"name": "focal", "alpha": [1]}]}, "measures: focal: 1 weights for 2"),
        (
            {"target": "multi_label", "measures": ["dice", "focal"]},
            "measures: focal needs one class a pixel",
        ),
    ],
)
def test_measures_fit_the_classes(change: dict[str, object], words: str) -> None:
    tree = yaml.safe_load(MINIMAL)
    tree["competition"] |= change
    with pytest.raises(ValueError, match=words):
        JobSpec.model_validate(tree)


def test_a_studys_measures_are_computed_after_every_epoch() -> None:
    tree = yaml.safe_load(MINIMAL)
    tree["competition"]["measures"] = ["accuracy", "dice"]
    measures = ["dice", {"name": "f1", "average": "weighted"}, {"name": "f1", "only": 1}]
    tree["study"] = {"source": "X1", "stated": "figures", "measures": measures}
    job = JobSpec.model_validate(tree)
    keys = [measure.key for measure in job.measures]
    assert keys == ["accuracy", "dice", "weighted_f1", "f1_1"]
    tree["study"]["measures"] = [{"name": "f1", "only": 7}]
    with pytest.raises(ValueError, match=r"study\.measures: f1: only: 7"):
        JobSpec.model_validate(tree)
