"""The Python blocks of the pages run, and the generated reference is whole."""

import importlib.util
import re
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import numpy as np
import pytest
import torch
import torchvision
import yaml

import raytrain
from raytrain import interface
from raytrain.config.job import JobSpec
from raytrain.config.own import extend_by
from raytrain.ensemble import predictor
from raytrain.interface.returned import Finished
from raytrain.losses import build_loss
from raytrain.metrics import score
from raytrain.metrics.evidence import Evidence
from raytrain.models import build_model
from raytrain.runs.layout import RunDir
from tests.unit.test_docs import COMMANDS, DOCS, PAGES, ROOT, blocks, load_part

RUN_HERE = {
    "how/network.md", "how/loss.md", "how/metric.md", "how/weights.md", "predict.md", "python.md",
}  # fmt: skip
"""The pages with Python blocks; each has a test below."""


def test_every_page_with_python_has_a_test() -> None:
    with_python = {p for p in PAGES if blocks(p, "python")}
    assert with_python == {*(DOCS / name for name in RUN_HERE), ROOT / "README.md"}


@pytest.fixture
def job(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """The job of the page's first YAML block, with the page's Python beside it."""
    page = DOCS / "how" / f"{request.param}.md"
    (tmp_path / "parts.py").write_text(blocks(page, "python")[0])
    yield load_part(yaml.safe_load(blocks(page, "yaml")[0]), tmp_path, [])
    extend_by(())


@pytest.mark.parametrize("job", ["network"], indirect=True)
def test_the_network_gives_logits_of_the_images_size(job: JobSpec) -> None:
    network = build_model(job.trial.model, 3, 4, None)
    assert network(torch.zeros(2, 3, 9, 11)).shape == (2, 4, 9, 11)


@pytest.mark.parametrize("job", ["loss"], indirect=True)
def test_the_loss_is_the_sum_of_squares_at_labeled_pixels(job: JobSpec) -> None:
    loss = build_loss(job.trial.loss[1:], "single_label", (1, 1))
    logits_BKHW = torch.tensor([0.0, 30.0, 5.0]).reshape(1, 1, 1, 3).repeat(1, 2, 1, 1)
    logits_BKHW[0, 0, 0, 1] = -30
    mask_BHW = torch.tensor([[[0, 1, 255]]])
    # Half and half: .25 + .25; sure and right: 0; unlabeled: nothing. Its weight is .5.
    assert float(loss(logits_BKHW, mask_BHW)) == pytest.approx(0.5 * (0.25 + 0.25) / 2)


@pytest.mark.parametrize("job", ["metric"], indirect=True)
def test_the_metric_is_the_recall_of_the_worst_class(job: JobSpec) -> None:
    counts_NK3 = np.array([[[5, 0, 0], [2, 9, 1], [3, 0, 0]], [[5, 0, 0], [1, 0, 2], [1, 0, 1]]])
    assert score(job.competition.metric, Evidence(counts_NK3)) == pytest.approx(3 / 6)


def test_the_weights_are_saved_as_a_state_dict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = create_autospec(torchvision.models.resnet34, return_value=torch.nn.Linear(2, 3))
    monkeypatch.setattr(torchvision.models, "resnet34", build)
    monkeypatch.chdir(tmp_path)
    exec(blocks(DOCS / "how" / "weights.md", "python")[0], {})
    assert torchvision.models.get_weight(f"ResNet34_Weights.{build.call_args.kwargs['weights']}")
    assert set(torch.load("resnet34.pt")) == {"weight", "bias"}


def test_the_predictor_is_called_as_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = create_autospec(predictor.Predictor, instance=True)
    monkeypatch.setattr(
        predictor, "load_predictor", create_autospec(predictor.load_predictor, return_value=loaded)
    )
    for block in blocks(DOCS / "predict.md", "python"):
        exec(block, {"image_HWC": np.zeros((4, 4, 3), np.uint8)})
    loaded.assert_called_once_with("scan.png")
    assert loaded.mask.call_args.args[0].shape == (4, 4, 3)


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "python.md"])
def test_the_functions_return_what_is_read(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job, finished = create_autospec(JobSpec), create_autospec(Finished, instance=True)
    finished.paths, finished.ensemble = create_autospec(RunDir, instance=True), None
    for name, value in {"load_job": job, "run": finished}.items():
        function = create_autospec(getattr(interface, name), return_value=value)
        monkeypatch.setattr(raytrain, name, function)
    for block in blocks(page, "python"):
        exec(block, {})
    assert raytrain.run.call_args.args == (job,)


@cache
def reference() -> dict[str, str]:
    """Return the pages that docs/reference.py makes, loaded as mkdocs loads it."""
    spec = importlib.util.spec_from_file_location("reference", DOCS / "reference.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.pages()


def test_the_reference_has_every_command_option_and_field() -> None:
    pages = reference()
    for name, command in COMMANDS.items():
        section = pages["reference/commands.md"].partition(f"\n## raytrain {name}\n")[2]
        words = {each.opts[0] for each in command.params if each.name != "help"}
        assert {word for word in words if word.startswith("--") and f"`{word}`" not in section} == (
            set()
        )
    text = "\n".join(pages.values())
    schema = JobSpec.model_json_schema()["$defs"]
    for name, spec in schema.items():
        if "properties" in spec:
            section = text.partition(f" {{#{name.lower()}}}\n")[2].partition("\n## ")[0]
            fields = {key for key, value in spec["properties"].items() if "const" not in value}
            assert {key for key in fields if f"| `{key}` |" not in section} == set(), name


def test_links_of_the_reference_lead_to_its_sections() -> None:
    pages = reference()
    found = re.findall(r"\]\(([^)#]+)#(\w+)\)", "\n".join(pages.values()))
    assert len(found) > 100
    assert [link for link in found if f"{{#{link[1]}}}" not in pages[f"reference/{link[0]}"]] == []


def test_a_field_is_shown_with_its_docstring_values_and_default() -> None:
    page = reference()["reference/trial.md"]
    assert "| `epochs` | whole number | `60` | Number of epochs that the schedule spans. |" in page
    assert "| `norm` | `batch`, `group`, `instance`, `none` | `batch` |" in page


def test_the_site_lists_every_page_once() -> None:
    nav = re.findall(r"- ([\w/]+\.md)", (ROOT / "mkdocs.yml").read_text())
    written = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    assert sorted(nav) == sorted(written | set(reference()))
