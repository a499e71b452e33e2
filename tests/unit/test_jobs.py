"""The repository's job files load, the schema fits them, and every name can be built."""

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import TypeAdapter

from raytrain.cli.listing import LOSS_EXAMPLE, METRIC_EXAMPLE, losses, metrics
from raytrain.config.augmentation import PresetName, TransformSpec
from raytrain.config.competition import CompetitionSpec
from raytrain.config.dialects import Dialect
from raytrain.config.job import FoldSpec, JobSpec
from raytrain.config.load import load_job
from raytrain.config.losses import LossTerm
from raytrain.config.metrics import MetricSpec
from raytrain.config.models import ModelSpec
from raytrain.config.optimizers import OptimizerSpec, ScheduleSpec, SgdSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.augment import PRESETS, TRANSFORMS
from raytrain.data.folds import make_folds
from raytrain.data.formats import FORMATS
from raytrain.data.splits import group_function
from raytrain.engine.optimizers import OPTIMIZERS
from raytrain.engine.schedules import SCHEDULES
from raytrain.losses import LOSSES
from raytrain.metrics import METRICS
from raytrain.models import ARCHITECTURES
from raytrain.pipeline.check import refuse_another_metric
from raytrain.rle import LAYOUTS
from raytrain.runs.layout import RunDir
from tests.arrays import report_of
from tests.support import schema_validator

FOLDER = Path(__file__).parents[2] / "jobs"
JOBS = sorted([*FOLDER.glob("*.yaml"), *FOLDER.glob("studies/*.yaml")])
MINIMAL = "competition: {name: tiny, data: folder, classes: [background, organ]}\n"


def _with_profiles() -> list[tuple[Path, str | None]]:
    found: list[tuple[Path, str | None]] = []
    for path in JOBS:
        profiles = yaml.safe_load(path.read_text(encoding="utf-8")).get("profiles") or {}
        found += [(path, profile) for profile in (None, *profiles)]
    return found


@pytest.mark.parametrize(
    ("path", "profile"), _with_profiles(), ids=lambda value: getattr(value, "stem", value)
)
def test_every_job_of_the_repository_loads(path: Path, profile: str | None) -> None:
    job = load_job(path, [], profile)
    schema_validator().validate(job.model_dump(mode="json"))
    assert JobSpec.model_validate_json(job.model_dump_json()) == job


def test_the_schema_is_one_and_refuses_what_the_loader_refuses() -> None:
    validator = schema_validator()
    validator.check_schema(validator.schema)
    assert validator.is_valid(yaml.safe_load(MINIMAL))
    short = yaml.safe_load(MINIMAL)
    short["competition"]["group"] = "(N+1)//2"
    short["competition"]["metric"] = "iou"
    assert validator.is_valid(short)
    for key, value in (("trail", {}), ("trial", {"loss": [{"name": "dise"}]}), ("run", "a b")):
        assert not validator.is_valid(yaml.safe_load(MINIMAL) | {key: value})


@pytest.mark.parametrize(
    "trial",
    [
        {"optimizer": {"lr": 3e-4}},
        {"optimizer": {"momentum": 0.9}},
        {"optimizer": {"name": "sgd", "momentum": 0.9}},
        {"model": {"depth": 2}},
        {"model": {"encoder": "resnet18"}},
        {"schedule": {"warmup_epochs": 1}},
        {"ship": {"watch": "val_loss"}},
        {"framing": {"height": 64, "width": 64}},
        {"mix": {"alpha": 0.2}},
    ],
    ids=str,
)
def test_schema_and_loader_agree_on_a_name_that_is_left_out(trial: dict[str, Any]) -> None:
    tree = yaml.safe_load(MINIMAL) | {"trial": trial}
    try:
        JobSpec.model_validate(tree)
        valid = True
    except ValueError:
        valid = False
    assert schema_validator().is_valid(tree) == valid


def test_overrides_mean_the_same_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(MINIMAL + "trial: {optimizer: {name: adam, lr: 1e-2}}\n")
    words = ["trial.optimizer.lr=3e-4", "trial.optimizer.name=sgd", "trial.optimizer.momentum=0.5"]
    for order in itertools.permutations(words):
        optimizer = load_job(path, list(order)).trial.optimizer
        assert optimizer == SgdSpec(lr=3e-4, momentum=0.5)
    whole = ["trial.optimizer.lr=3e-4", "trial.optimizer={name: rmsprop, lr: 1e-3}"]
    assert load_job(path, whole).trial.optimizer.lr == 3e-4
    # Of one field set twice the later counts.
    assert load_job(path, ["run=a", "run=b"]).run == "b"


def _names(union: Any) -> set[str]:
    return set(TypeAdapter(union).json_schema()["discriminator"]["mapping"])


def _literals(spec: type, field: str) -> set[str]:
    """The values of a Literal field, or the `name` of the specs that it can hold."""
    annotation = spec.model_fields[field].annotation
    names = get_args(annotation) or [annotation]
    return {n if isinstance(n, str) else n.model_fields["name"].default for n in names}


@pytest.mark.parametrize(
    ("words", "built"),
    [
        (_names(ModelSpec), ARCHITECTURES),
        (_names(LossTerm), LOSSES),
        (_names(OptimizerSpec), OPTIMIZERS),
        (_names(ScheduleSpec), SCHEDULES),
        (set(get_args(PresetName)), PRESETS),
        ({spec.model_fields["name"].default for spec in get_args(TransformSpec)}, TRANSFORMS),
        (_literals(CompetitionSpec, "format"), FORMATS),
        (_literals(CompetitionSpec, "metric"), METRICS),
        (_literals(Dialect, "layout"), LAYOUTS),
    ],
    ids=[
        "model",
        "loss",
        "optimizer",
        "schedule",
        "preset",
        "transform",
        "format",
        "metric",
        "layout",
    ],
)
def test_the_names_in_config_are_those_that_can_be_built(words: set[str], built: dict) -> None:
    assert words == set(built)


def test_the_list_of_metrics_shows_each_with_its_parameters() -> None:
    text = metrics().text
    for name in METRICS:
        assert f"\n{name}\n  " in text
    assert "  empty: 1  (or 0, skip)\n" in text
    for example in re.findall(r"^  `(\{name: .*\})`$", text, re.MULTILINE):
        spec = TypeAdapter(MetricSpec).validate_python(yaml.safe_load(example))
        assert f"\n{spec.name}\n" in text
    assert len(re.findall(r"^  `\{name: ", text, re.MULTILINE)) == len(METRICS)
    assert "  one_empty: diagonal  (or skip)\n" in text
    for line in METRIC_EXAMPLE.splitlines()[1:]:
        tree = yaml.safe_load(MINIMAL)
        tree["competition"] |= yaml.safe_load(line)
        assert JobSpec.model_validate(tree).competition.metric.name in METRICS


def test_losses_are_listed_and_the_examples_can_be_pasted() -> None:
    text = losses().text
    for name in LOSSES:
        assert f"\n{name}\n  " in text
    assert "  class_weights: null  (or computed)\n" in text
    examples = re.findall(r"^  `(\{name: .*\})`$", text, re.MULTILINE)
    assert [yaml.safe_load(example)["name"] for example in examples] == list(LOSSES)
    for line in LOSS_EXAMPLE.splitlines()[1:]:
        terms = TrialSpec.model_validate(yaml.safe_load(line)).loss
        assert {term.name for term in terms} <= set(LOSSES)


def test_a_run_keeps_its_metric(tmp_path: Path) -> None:
    tree = yaml.safe_load(MINIMAL)
    run = RunDir(tmp_path)
    run.trials.mkdir()
    run.config.write_text(json.dumps(tree | {"competition": {"metric": "dice"}}))
    refuse_another_metric(JobSpec.model_validate(tree), run)
    tree["competition"]["metric"] = {"name": "dice", "over": "set"}
    with pytest.raises(ValueError, match=r"another metric \(Dice, now volume Dice\); use another"):
        refuse_another_metric(JobSpec.model_validate(tree), run)


def test_config_needs_neither_torch_nor_ray() -> None:
    program = "import raytrain.config.load, sys; print({'torch', 'ray'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert found.stdout.strip() == "set()", found.stderr


def test_no_published_polyp_sequence_is_ever_cut() -> None:
    competition = load_job(FOLDER / "polyp.yaml").competition
    ends = [
        25, 50, 67, 78, 103, 126, 151, 177, 199, 205, 227, 252, 277, 297, 317, 342, 363, 383, 408,
        428, 447, 466, 478, 503, 528, 546, 571, 591, 612,
    ]  # fmt: skip
    group_of = group_function(competition.group, Path())
    sequences = {str(n): group_of(str(n), {}) for n in range(1, 613)}
    starts = [1, *(end + 1 for end in ends[:-1])]
    for start, end in zip(starts, ends, strict=True):
        assert {sequences[str(n)] for n in range(start, end + 1)} == {str(end)}
    rows = [
        {"id": str(n), "group": sequences[str(n)], "split": "train" if n <= 428 else "test",
         "pixels_0": 9, "pixels_1": n % 3} for n in range(1, 613)
    ]  # fmt: skip
    for seed in range(3):
        folds = make_folds(report_of(rows, ("background", "polyp")), FoldSpec(count=4, seed=seed))
        owners = [{sequences[id] for id in ids} for ids in folds.val_ids]
        assert sum(map(len, owners)) == 20
        assert sorted(int(id) for ids in folds.val_ids for id in ids) == [*range(1, 429)]
