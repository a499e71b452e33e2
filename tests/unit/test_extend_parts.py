"""`extend`: what is wrong with a user's file is said; metrics and formats of one's own."""

from pathlib import Path

import numpy as np
import pytest

from raytrain.config.load import load_job
from raytrain.data.checks import inspect
from raytrain.metrics import gathered, image_figures, score
from raytrain.metrics.evidence import Evidence, ImageMaps
from tests.unit.conftest import Competition
from tests.unit.own_job import HEAD


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\n\ny = (\n", r"line 3: '\(' was never closed"),
        ("x = 1\n\nx / 0\n", "line 3: ZeroDivisionError: division by zero"),
        ("def f():\n    return missing\n\nf()\n", "line 2: NameError: name 'missing'"),
        ("import no_such_module", "line 1: ModuleNotFoundError: No module named 'no_such_module'"),
        ("x = 1", "defines none of MODELS, LOSSES, METRICS, IMAGE_FIGURES, FORMATS"),
        ("MODELS = [1]", r"MODELS: give a dict {spec: function} \(got \[1\]\)"),
        (
            "MODELS = {'unet9': print}",
            "MODELS: 'unet9' is not a spec; derive a class from OwnModel",
        ),
        (
            "class A(OwnModel): pass\nMODELS = {A: print}",
            r"MODELS: A: add the field name: Literal\[\"my_name\"\]",
        ),
        (
            "class A(OwnModel):\n    name: Literal['unet'] = 'unet'\nMODELS = {A: print}",
            "MODELS: 'unet' is already taken",
        ),
        (
            "class A(OwnLoss):\n    name: Literal['a'] = 'a'\nLOSSES = {A: 3}",
            r"LOSSES: a: give a function \(got 3\)",
        ),
        (
            "class A(OwnFormat):\n    name: Literal['a'] = 'a'\nFORMATS = {A: print}",
            r"FORMATS: a: give raytrain.data.formats.Format\(index, mask\)",
        ),
        (
            "class A(OwnMetric):\n    name: Literal['a'] = 'a'\nIMAGE_FIGURES = {A: print}",
            "IMAGE_FIGURES: 'a' is not in METRICS; add it there",
        ),
        (
            "class A(OwnLoss):\n    name: Literal['a'] = 'a'\n"
            "class B(OwnLoss):\n    name: Literal['a'] = 'a'\nLOSSES = {A: print, B: print}",
            "LOSSES: 'a' is defined twice; rename one",
        ),
    ],
)
def test_what_is_wrong_with_a_file(own_folder: Path, text: str, words: str) -> None:
    lines = text.count("line")
    body = text if words.startswith("line") or (not lines and "Own" not in text) else HEAD + text
    (own_folder / "mine" / "own_parts.py").write_text(body)
    with pytest.raises(ValueError, match=rf"mine/own_parts\.py: {words}"):
        load_job(own_folder / "job.yaml")


def test_all_files_are_told_of_at_once(own_folder: Path) -> None:
    (own_folder / "mine" / "broken.py").write_text("1 / 0")
    with pytest.raises(ValueError, match="extend: 2 problems") as caught:
        load_job(own_folder / "job.yaml", ["extend=[mine/broken.py, mine/own_parts.py, none.py]"])
    assert "mine/broken.py: line 1: ZeroDivisionError" in str(caught.value)
    assert "none.py: no such file" in str(caught.value)
    again = (own_folder / "mine" / "own_parts.py").read_text()
    (own_folder / "mine" / "copy.py").write_text(again + "# another\n")
    with pytest.raises(ValueError, match="'two_convolutions' is defined in two files"):
        load_job(own_folder / "job.yaml", ["extend=[mine/copy.py, mine/own_parts.py]"])
    with pytest.raises(ValueError, match="extend: give a file, or a list of them"):
        load_job(own_folder / "job.yaml", ["extend={a: b}"])


FIGURES = (
    HEAD
    + """
import numpy as np

class Bits(OwnMetric):
    name: Literal['bits'] = 'bits'

def figures(spec, image):
    return np.array([image.pred_KHW[k].sum() for k in range(len(image.pred_KHW))])

def score(spec, evidence):
    return float(evidence.figures(spec).sum())

METRICS = {Bits: score}
IMAGE_FIGURES = {Bits: figures}
"""
)


def test_a_metric_may_measure_each_image(own_folder: Path) -> None:
    (own_folder / "mine" / "bits.py").write_text(FIGURES)
    words = ["extend=[mine/own_parts.py, mine/bits.py]", "competition.metric=bits"]
    metric = load_job(own_folder / "job.yaml", words).competition.metric
    pred_KHW = np.array([[[1, 1, 0]], [[0, 0, 1]]], bool)
    maps = ImageMaps(pred_KHW.astype(float), pred_KHW, pred_KHW)
    assert gathered(metric) == (metric,)
    figures_GK = image_figures((metric,), maps)
    assert figures_GK.tolist() == [[2, 1]]
    evidence = Evidence(np.zeros((1, 2, 3), np.int64), (metric,), figures_GK[None])
    assert score(metric, evidence) == 3


FORMAT = (
    HEAD
    + """
from raytrain.config.formats import PairedFoldersSpec
from raytrain.data.formats import FORMATS as OURS
from raytrain.data.formats import Format

class Inverse(OwnFormat, PairedFoldersSpec):
    name: Literal['inverse'] = 'inverse'

def mask(spec, root, addresses, size_HW, classes, target):
    found = OURS['paired_folders'].mask(spec, root, addresses, size_HW, classes, target)
    return (len(classes) - 1 - found).astype(found.dtype)

FORMATS = {Inverse: Format(OURS['paired_folders'].index, mask)}
"""
)


def test_a_format_of_ones_own(own_folder: Path, competition: Competition) -> None:
    competition.fill(train=2, val=1, test=1)
    (own_folder / "mine" / "inverse.py").write_text(FORMAT)
    words = [
        "extend=mine/inverse.py",
        "trial={}",
        f"competition={{name: t, data: {competition.root}, classes: [a, b, c], group: (N+1)//2}}",
    ]
    ours = inspect(load_job(own_folder / "job.yaml", words).competition)
    own = load_job(own_folder / "job.yaml", [*words, "competition.format.name=inverse"]).competition
    found = inspect(own)
    assert found.splits["train"].class_pixels == tuple(
        reversed(ours.splits["train"].class_pixels or ())
    )
    assert found.fingerprint != ours.fingerprint
