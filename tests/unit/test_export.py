"""A checkpoint alone gives the network back, and exported it gives the same probabilities."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from onnxruntime import InferenceSession

from raytrain.config.framing import FramingSpec, PadSpec, ResizeSpec, TilesSpec, WholeSpec
from raytrain.engine.export import export_program
from raytrain.engine.reporter import SilentReporter
from raytrain.engine.shipped import shipped_checkpoint
from raytrain.engine.trial import Samples, run_trial
from raytrain.ensemble.prediction import member_probabilities
from raytrain.ensemble.predictor import load_predictor
from tests.commands import printed
from tests.tiny import SPEC, make_task


@pytest.mark.slow
@pytest.mark.parametrize("normalization", ["dataset", "image"])
def test_a_checkpoint_predicts_and_exports_alike(
    tmp_path: Path, samples: Samples, normalization: str
) -> None:
    spec = SPEC.model_copy(update={"epochs": 1, "normalization": normalization})
    task = make_task(tmp_path / "t", samples, spec)
    run_trial(task, samples, SilentReporter())
    checkpoint, cache = shipped_checkpoint(task.trial_dir), samples.cache
    (row,) = cache.rows(task.val_ids[:1])
    image_BCHW = torch.from_numpy(np.array(cache.image(row))).float().permute(2, 0, 1)[None]
    (expected,) = member_probabilities(checkpoint, cache, task.val_ids[:1])
    with torch.no_grad():
        found = load_predictor(checkpoint)(image_BCHW)
    np.testing.assert_allclose(found[0].numpy(), expected, rtol=1e-5, atol=1e-6)
    target = tmp_path / "out" / "net.pt2"
    assert export_program(checkpoint, target) < 1e-4
    program = torch.export.load(target).module()
    onnx_target = target.with_suffix(".onnx")
    assert export_program(checkpoint, onnx_target) < 1e-4
    assert sorted(path.name for path in target.parent.iterdir()) == ["net.onnx", "net.pt2"]
    session = InferenceSession(onnx_target, providers=["CPUExecutionProvider"])
    for images in (1, 2, 5):
        batch = image_BCHW.expand(images, -1, -1, -1).contiguous()
        (in_onnx,) = session.run(["probabilities"], {"images": batch.numpy()})
        for found in (program(batch).detach().numpy(), in_onnx):
            assert len(found) == images
            np.testing.assert_allclose(found[-1], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_the_command_writes_a_program_of_the_size_that_was_trained_on(
    tmp_path: Path, samples: Samples
) -> None:
    spec = SPEC.model_copy(update={"epochs": 1, "framing": ResizeSpec(height=32, width=48)})
    task = make_task(tmp_path / "t", samples, spec)
    run_trial(task, samples, SilentReporter())
    checkpoint = shipped_checkpoint(task.trial_dir)
    assert load_predictor(checkpoint).card.size == (32, 48)
    assert "written: " in printed("export", checkpoint)
    program = torch.export.load(checkpoint.with_suffix(".pt2")).module()
    assert program(torch.rand(2, 1, 32, 48)).shape == (2, 4, 32, 48)


def test_a_program_of_no_known_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"net\.tflite: .* must end in \.pt2 or \.onnx"):
        export_program(tmp_path / "last.pt", tmp_path / "net.tflite")


def test_without_its_packages_onnx_says_how_to_have_them(
    tmp_path: Path, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = SPEC.model_copy(update={"epochs": 1})
    task = make_task(tmp_path / "t", samples, spec)
    run_trial(task, samples, SilentReporter())
    # What Python itself does for a package that is not there.
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ValueError, match=r"pip install 'raytrain\[onnx\]'"):
        export_program(shipped_checkpoint(task.trial_dir), tmp_path / "net.onnx")
    assert not list(tmp_path.glob("*.onnx"))


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pt").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"not a checkpoint of raytrain: x\.json is missing"):
        load_predictor(tmp_path / "x.pt")


FRAMINGS: list[FramingSpec] = [
    WholeSpec(), PadSpec(multiple=32), ResizeSpec(height=32, width=48),
    TilesSpec(height=32, width=32),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("framing", FRAMINGS, ids=lambda framing: framing.name)
def test_a_predictor_is_the_pipelines_own_prediction(
    framing: FramingSpec, tmp_path: Path, samples: Samples
) -> None:
    spec = SPEC.model_copy(update={"epochs": 1, "framing": framing})
    task = make_task(tmp_path / "t", samples, spec)
    run_trial(task, samples, SilentReporter())
    checkpoint, cache = shipped_checkpoint(task.trial_dir), samples.cache
    expected = list(member_probabilities(checkpoint, cache, task.val_ids))
    images = np.stack([cache.image(int(row)) for row in cache.rows(task.val_ids)])
    predictor = load_predictor(checkpoint)
    image_BCHW = torch.from_numpy(images).permute(0, 3, 1, 2)
    for given in (image_BCHW, image_BCHW.float()):
        found = predictor(given).numpy()
        assert np.array_equal(found, np.stack(expected))
    with pytest.raises(ValueError, match=r"on 1 channel, .* has the shape \[1, 3, 40, 40\]"):
        predictor(torch.zeros(1, 3, 40, 40))
    with pytest.raises(ValueError, match="give the data's own values, not scaled ones"):
        predictor(image_BCHW / 255)
