"""`trial.augmentation`: presets and lists of transforms, checked without their library."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from raytrain.config.augmentation import PresetName
from raytrain.config.augmentation.gray import BlurSpec, GaussNoiseSpec
from raytrain.config.augmentation.spatial import AffineSpec, HorizontalFlipSpec
from raytrain.config.job import JobSpec
from raytrain.config.load import load_job
from raytrain.config.space_check import space_problems
from raytrain.config.space_draws import sample_trials
from raytrain.config.trial import TrialSpec
from raytrain.runs.record import task_fingerprint
from tests.support import schema_validator

MINIMAL = "competition: {name: tiny, data: folder, classes: [background, organ]}\n"
FORMS = [
    *get_args(PresetName),
    "[none]",
    "[slices, {name: HorizontalFlip}]",
    "[{name: Affine, rotate: [-10, 10], border_mode: constant, p: 1}, flips]",
    "[{name: OneOf, p: 0.3, transforms: [{name: GaussNoise}, {name: Blur, p: 0.1}]}]",
]


@pytest.fixture(autouse=True)
def _inside_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _load(text: str, overrides: tuple[str, ...] = ()) -> JobSpec:
    Path("job.yaml").write_text(MINIMAL + text, encoding="utf-8")
    return load_job(Path("job.yaml"), list(overrides))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_loads_and_comes_back_from_json(form: str) -> None:
    job = _load(f"trial: {{augmentation: {form}}}\n")
    trial = job.trial
    assert _load("", (f"trial.augmentation={form}",)) == job
    text = yaml.safe_load(MINIMAL) | {"trial": {"augmentation": yaml.safe_load(form)}}
    for tree in (text, job.model_dump(mode="json")):
        schema_validator().validate(tree)
    again = TrialSpec.model_validate(json.loads(json.dumps(trial.model_dump(mode="json"))))
    assert again == trial
    assert len({again, trial}) == 1
    assert TrialSpec.model_validate_json(trial.model_dump_json()) == trial
    assert task_fingerprint(again, "d", "f", 1) == task_fingerprint(trial, "d", "f", 1)


def test_different_forms_have_different_fingerprints() -> None:
    trials = [_load(f"trial: {{augmentation: {form}}}\n").trial for form in FORMS]
    assert len({task_fingerprint(trial, "d", "f", 1) for trial in trials}) == len(FORMS)


def test_a_list_is_what_it_says() -> None:
    job = _load(
        "trial:\n"
        "  augmentation:\n"
        "    - slices\n"
        "    - {name: HorizontalFlip, p: 0.25}\n"
        "    - name: OneOf\n"
        "      p: 1\n"
        "      transforms: [{name: GaussNoise, std_range: [0, 1e-2]}, {name: Affine}]\n"
    )
    name, flip, choice = job.trial.augmentation
    assert (name, flip) == ("slices", HorizontalFlipSpec(p=0.25))
    assert (choice.name, choice.p) == ("OneOf", 1.0)
    assert choice.transforms == (GaussNoiseSpec(std_range=(0, 0.01)), AffineSpec())


BROKEN = """
trial:
  augmentation:
    - slice
    - HorizontalFlip
    - {name: Afine, rotate: [1, 2]}
    - {rotate: [1, 2]}
    - {name: Affine, rotat: [1, 2], scale: 2, shear: [5, -5], p: 2, border_mode: reflct}
    - {name: Blur, blur_limit: [3, 8]}
    - {name: Rotate, limit: [-900, many]}
    - {name: Rotate, limit: [.nan, 1, 2]}
    - {name: OneOf, transform: []}
    - {name: OneOf, transforms: [{name: Blurr}, {name: Blur, blur_limt: [3, 5]}, flips]}
    - {name: OneOf, transforms: [{name: Blur, p: 0}]}
    - {name: OneOf, transforms: []}
    - [slices]
    - 3
    - null
    - {name: elastic}
"""
PROBLEMS = """\
[0]: unknown 'slice'; did you mean 'slices'?
[1]: HorizontalFlip is a transform: write [{name: HorizontalFlip}]
[2].name: unknown 'Afine'; did you mean 'Affine'?
[3].name: missing; this key is required
[4].p: input should be less than or equal to 1 (got 2)
[4].border_mode: unknown 'reflct'; did you mean 'reflect'?
[4].scale: give two numbers, [lowest, highest] (got 2)
[4].shear: give the lower number first (got [5.0, -5.0])
[4].rotat: unknown key 'rotat'; did you mean 'rotate'?
[5].blur_limit[1]: give an odd number of pixels (got 8)
[6].limit[0]: input should be greater than or equal to -360 (got -900)
[6].limit[1]: input should be a valid number, unable to parse string as a number (got 'many')
[7].limit: give two numbers, [lowest, highest] (got [nan, 1, 2])
[8].transforms: missing; this key is required
[8].transform: unknown key 'transform'; did you mean 'transforms'?
[9].transforms[0].name: unknown 'Blurr'; did you mean 'Blur'?
[9].transforms[1].blur_limt: unknown key 'blur_limt'; did you mean 'blur_limit'?
[9].transforms[2]: give a transform {name: ..., ...} (got 'flips')
[10].transforms: give at least one transform with p above 0
[11].transforms: give at least one transform with p above 0
[12]: give a preset's name or a transform {name: ..., ...} (got ['slices'])
[13]: give a preset's name or a transform {name: ..., ...} (got 3)
[14]: give a preset's name or a transform {name: ..., ...} (got None)
[15].name: unknown 'elastic'; did you mean 'ElasticTransform'?
"""


def test_every_mistake_in_a_list_is_one_line() -> None:
    with pytest.raises(ValueError, match="in the configuration") as caught:
        _load(BROKEN)
    lines = str(caught.value).split("\n")[1:]
    assert [line.removeprefix("  trial.augmentation") for line in lines] == PROBLEMS.splitlines()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("[]", "give at least one preset's name or transform"),
        ("5", "give a preset's name, or a list of .* (got 5)"),
        ("null", "give a preset's name, or a list of .* (got None)"),
        ("{name: Blur}", "give a preset's name, or a list of .* (got {'name': 'Blur'})"),
        ("Blur", "Blur is a transform: write [{name: Blur}]"),
        ("flip", "unknown 'flip'; did you mean 'flips'?"),
        ("system_e", "unknown 'system_e'; did you mean 'system_"),
    ],
)
def test_what_is_no_augmentation_is_one_line(value: str, words: str) -> None:
    with pytest.raises(ValueError, match="1 problem") as caught:
        _load("", (f"trial.augmentation={value}",))
    start, _, end = words.partition(".*")
    [line] = str(caught.value).split("\n")[1:]
    assert line.startswith(f"  trial.augmentation: {start}")
    assert end in line


def test_a_search_may_choose_presets_and_lists() -> None:
    flipped = ["slices", {"name": "HorizontalFlip", "p": 0.5}]
    space: dict[str, Any] = {"augmentation": {"choice": ["none", "slices", flipped]}}
    assert space_problems(space, TrialSpec()) == []
    trials = sample_trials(space, TrialSpec(), 9, seed=0)
    found = {trial.augmentation for trial in trials}
    assert found == {"none", "slices", ("slices", HorizontalFlipSpec())}
    space["augmentation"]["choice"] += ["nine", [{"name": "Blurr"}], [{"name": "Blur", "q": 1}]]
    assert space_problems(space, TrialSpec()) == [
        "search.space.augmentation: in trial.augmentation: unknown 'nine'; did you mean 'none'?",
        "search.space.augmentation: in trial.augmentation[0].name: unknown 'Blurr'; "
        "did you mean 'Blur'?",
        "search.space.augmentation: in trial.augmentation[0].q: unknown key 'q'; "
        "known: blur_limit, name, p",
    ]


def test_specs_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        BlurSpec().p = 0.1


def test_checking_loads_neither_albumentations_nor_opencv() -> None:
    program = (
        "import sys; from raytrain.config.trial import TrialSpec;"
        "TrialSpec(augmentation=[{'name': 'Blur'}]);"
        "print({'albumentations', 'cv2', 'numpy'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert found.stdout.strip() == "set()", found.stderr
