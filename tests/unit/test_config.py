"""Job files: all mistakes at once, numbers as people write them, overrides and profiles."""

from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from raytrain.config.competition import CompetitionSpec
from raytrain.config.expression import parse_expression
from raytrain.config.job import JobSpec
from raytrain.config.load import load_job
from raytrain.config.metrics import MetricSpec
from raytrain.config.named import named_parts
from raytrain.config.yaml_text import read_yaml

HERE = Path(__file__).parent
MINIMAL = "competition: {name: tiny, data: folder, classes: [background, organ]}\n"

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
  augmentation: slice
search:
  scheduler: {name: asha, grac: 2}
  space:
    model.widht: {choice: [8]}
    optimizer.lr: {logunifrm: [1e-4, 1e-2]}
    ema: {uniform: [0.9, 0.1]}
folds: {count: 1}
resources: {cpus: two}
storage: s3://bucket
"""


@pytest.fixture(autouse=True)
def _inside_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _load(text: str, overrides: Iterable[str] = (), profile: str | None = None) -> JobSpec:
    Path("job.yaml").write_text(text, encoding="utf-8")
    return load_job(Path("job.yaml"), list(overrides), profile)


def test_a_broken_file_shows_every_problem_at_once() -> None:
    with pytest.raises(ValueError, match="in the configuration") as caught:
        _load(BROKEN)
    assert f"{caught.value}\n" == (HERE / "config_errors.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds keys such as"),
        ("- a\n- b\n", "holds keys such as"),
        ("just words", "holds keys such as"),
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
        _load(text)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ValueError, match=r"nowhere\.yaml: no such job file"):
        load_job(Path("nowhere.yaml"), [])


@pytest.mark.parametrize("text", ["3e-4", "3E-4", "3.e-4", "+3e-4", "0.0003", "3.0e-4"])
def test_scientific_numbers_are_numbers(text: str) -> None:
    job = _load(MINIMAL, [f"trial.optimizer={{name: adam, lr: {text}}}"])
    assert job.trial.optimizer.lr == 3e-4
    job = _load(MINIMAL + f"search: {{space: {{optimizer.lr: {{loguniform: [{text}, 1]}}}}}}\n")
    assert job.search.space == {"optimizer.lr": {"loguniform": [3e-4, 1]}}


def test_overrides_are_laid_over_the_file_in_order() -> None:
    job = _load(
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
    job = _load(MINIMAL, ["trial.optimizer.lr=3e-4", "trial.model.width=4"])
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
        _load(MINIMAL, [override])


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
    small, large, other = (_load(PROFILES, [], name) for name in (None, "large", "other"))
    assert small == _load(PROFILES, [], "small")
    assert (small.trial.model.width, small.trial.epochs, small.search.trials) == (8, 5, 8)
    # What the profile does not name stays.
    assert (large.trial.model.width, large.trial.model.depth, large.trial.epochs) == (32, 3, 50)
    # Another name is another thing, and a space is replaced as a whole.
    assert other.trial.model.model_dump(exclude_defaults=True) == {"encoder": "resnet34"}
    assert large.search.space == {"ema": {"choice": [0.5]}}
    assert _load(PROFILES, ["trial.epochs=1"], "large").trial.epochs == 1


def test_an_unknown_profile_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="profile: unknown 'larg'; did you mean 'large'"):
        _load(PROFILES, [], "larg")
    with pytest.raises(ValueError, match="profile: unknown 'x'"):
        _load(MINIMAL, [], "x")


def test_a_profile_may_be_empty() -> None:
    assert _load(MINIMAL + "profile: a\nprofiles:\n  a:\n") == _load(MINIMAL)


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


BOMB = "a: &x0 [1]\n" + "".join(f"b{n}: &x{n + 1} [{','.join([f'*x{n}'] * 9)}]\n" for n in range(9))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("trial: {epochs: 2}\ntrial:\n  batch_size: 4\n", ["'trial' is in line 1 and again"]),
        (
            "trial:\n  epochs: 2\n  model: {width: 4, width: 8}\n  epochs: 3\n",
            ["'epochs' is in line 2 and again in line 4", "'width' is in line 3"],
        ),
        ("trial: {1: a, 0x1: b}\n", ["key 1 is in line 1 and again in line 1"]),
        ("trial: &a [*a]\n", ["expand to more than"]),
        (BOMB, ["expand to more than 100000 values"]),
        ("a: " + "[" * 5000, ["nested too deeply"]),
        ("a: 2020-13-45\n", ["not valid YAML"]),
    ],
)  # fmt: skip
def test_a_yaml_text_is_read_as_it_stands_or_refused(text: str, words: list[str]) -> None:
    with pytest.raises(ValueError, match=r"^job\.yaml: ") as caught:
        read_yaml("job.yaml", text)
    lines = str(caught.value).split("\n")
    assert len(words) == 1 or len(lines) == len(words)
    assert all(any(word in line for line in lines) for word in words)


def test_a_key_beside_a_merged_one_is_no_repetition() -> None:
    text = "a: &a {lr: 1, width: 2}\nb: {<<: *a, lr: 3e-4}\nc: *a\n"
    assert read_yaml("job.yaml", text)["b"] == {"lr": 3e-4, "width": 2}


def test_every_part_with_names_is_known_by_its_spec() -> None:
    found = named_parts(JobSpec)
    assert found >= {
        "model", "optimizer", "schedule", "ship", "mix", "framing", "scheduler", "sampler",
        "format", "splits", "group", "labels", "metric", "loss",
    }  # fmt: skip
    assert not found & {"competition", "notebook", "tracking", "submission", "trial"}


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


@pytest.mark.parametrize(
    ("classes", "words"),
    [(["a", "b", "a"], "'a' is listed twice"), (["a", " "], "class 1 has no name")],
)
def test_classes_have_names_of_their_own(classes: list[str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        CompetitionSpec.model_validate({"name": "x", "data": "d", "classes": classes})
