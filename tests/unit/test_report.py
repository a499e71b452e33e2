"""The report page: what it shows at each stage of a run, and that it is closed in itself."""

import json
import re
import shutil
import subprocess
import sys

import pytest

from raytrain.pipeline.report import page_of as served_page
from raytrain.runs.files import read_json, write_json
from raytrain.runs.layout import RunDir
from raytrain.search.leaderboard import ranked
from tests.support import ledger_in
from tests.unit.report_html import Page
from tests.unit.report_run import STATIONS, build, page_alone, page_of

SECTIONS = ("members", "examples", "tests", "leaderboard", "search", "rungs", "data", "folds",
            "submission", "reproduce")  # fmt: skip


def test_without_checked_data_it_says_what_to_run(tmp_path):
    with pytest.raises(ValueError, match="run `raytrain check` first"):
        page_of(RunDir(tmp_path / "shapes" / "first"))
    assert not (tmp_path / "shapes" / "first" / "report.html").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("last", "due"),
    [
        ("check", {"members": "finalize", "examples": "cv", "tests": "finalize", "folds": "check",
                   "leaderboard": "search", "search": "search", "rungs": "search",
                   "submission": "finalize"}),
        ("search", {"members": "finalize", "examples": "cv", "tests": "finalize",
                    "folds": "check", "submission": "finalize"}),
        ("finalize", {"tests": "finalize", "submission": "finalize"}),
        ("encode", {"submission": "submit"}),
    ],
)  # fmt: skip
def test_each_stage_shows_what_there_is(tmp_path, last, due):
    page = Page(page_alone(build(tmp_path, last)))
    assert [s["id"] for s in page.found("section")] == list(SECTIONS)
    for section in SECTIONS:
        note = re.search(r"not yet: run raytrain (\w+)", page.text(section))
        assert (note and note[1]) == due.get(section), section
    states = [item["class"] for item in page.found("li") if item.get("class")]
    at = STATIONS.index(last)
    assert states == ["done"] * (at + 1) + ["due"] * (len(STATIONS) - at - 1)
    figures = 0 if last == "check" else 1 if last == "search" else 3
    assert len(page.found("svg")) == figures


@pytest.mark.slow
def test_a_run_that_was_sent_owes_nothing(whole):
    _, page = whole
    assert "not yet" not in " ".join(page.texts)
    assert len([item for item in page.found("li") if item.get("class") == "done"]) == 7


def test_the_served_page_is_the_written_one(whole):
    run, page = whole
    made = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")
    served = served_page(run, ledger_in(run), 0)
    assert made.sub("", served) == made.sub("", page.source)


def test_a_leaderboard_of_a_search_that_goes_on_does_not_end_it(tmp_path):
    run = build(tmp_path, "search")
    run.searched.unlink()
    page = Page(page_alone(run))
    assert run.leaderboard.is_file()
    assert len([item for item in page.found("li") if item.get("class") == "done"]) == 1


def test_page_is_one_accessible_file(whole):
    run, page = whole
    assert "http" not in page.source.replace("http-equiv", "")
    assert not re.search(r"@import|url\((?!#)", page.source)
    for tag, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "data", "action", "srcset"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:image/png;base64,")), (tag, value)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {v[1:] for _, a in page.elements for k, v in a.items() if "href" in k}
    assert targets <= set(ids)
    assert set(re.findall(r"url\(#([^)]*)\)", page.source)) <= set(ids)
    assert all(image["alt"] for image in page.found("img"))
    assert all(svg["aria-label"] and svg["role"] == "img" for svg in page.found("svg"))
    assert len(page.found("figure")) == len(page.found("figcaption"))
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page.source, re.DOTALL)
    assert all(caption.rstrip().endswith(".") for caption in captions)
    assert not list(run.path.glob(".report*"))


def test_colors_are_variables_of_both_schemes(whole):
    _, page = whole
    light, dark = page.source.split("prefers-color-scheme: dark")
    used = set(re.findall(r"var\((--[\w-]+)\)", page.source))
    assert used <= set(re.findall(r"(--[\w-]+):", light))
    assert used <= set(re.findall(r"(--[\w-]+):", dark.split("</style>")[0]))


def test_hostile_names_are_text(tmp_path):
    classes = ("<i>none", "<script>alert(1)</script>", "a\"b' & $x_1$ font-family: y; #23282e")
    run = build(tmp_path, STATIONS[-1], classes)
    page = Page(page_alone(run))
    assert [script.get("id") for script in page.found("script")] == ["trials", None]
    assert not page.found("i") or all("style" in found for found in page.found("i"))
    texts = "".join(page.texts)
    assert all(name in texts for name in classes)
    drawn = re.findall(r"<text[^>]*>([^<]*)</text>", page.source)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in drawn


def test_moved_data_leaves_the_numbers(tmp_path):
    run = build(tmp_path, "predict")
    shutil.rmtree(tmp_path / "data")
    page = Page(page_alone(run))
    assert "cannot be shown here" in page.text("examples")
    assert "cannot be shown here" in page.text("tests")
    assert f"{read_json(run.ensemble)['oof']['dice']:.4f}" in page.text("members")


def test_a_failed_trial_and_a_search_without_scheduler(tmp_path):
    run = build(tmp_path, "search")
    run.events.unlink()
    record = ranked(run)[-1]
    path = run.trial(record.fingerprint).record
    write_json(
        path, read_json(path) | {"status": "failed", "reason": "loss is <nan>", "best": None}
    )
    run.trial(record.fingerprint).history.write_text("")
    write_json(run.config, read_json(run.config) | {"search": {"scheduler": {"name": "none"}}})
    page = Page(page_alone(run))
    assert "failed loss is <nan>" in page.text("leaderboard")
    assert "No trial was compared at a rung (scheduler: none)" in page.text("rungs")
    assert page.found("svg") == []
    assert "best validation volume Dice of the search" in page.text("header")


@pytest.mark.slow
def test_neither_torch_nor_ray_is_loaded(whole, tmp_path):
    run, _ = whole
    run.report.unlink()
    code = (
        "import sys, json; from pathlib import Path\n"
        "from matplotlib.figure import Figure\n"  # what matplotlib itself draws takes seconds
        "Figure.draw_without_rendering = lambda self: None\n"
        "Figure.savefig = lambda self, out, **how: out.write(b'<svg viewBox=\"0 0 1 1\"></svg>')\n"
        "from raytrain.runs.layout import RunDir\n"
        "from raytrain.pipeline.report import report\n"
        "from raytrain.pipeline.ledger import listed\n"
        "from raytrain.submission.ledger import FileLedger\n"
        f"run = RunDir(Path({str(run.path)!r})); "
        f"ledger = FileLedger(Path({str(ledger_in(run).path)!r}))\n"
        "report(run, ledger); listed(ledger).text\n"
        "print(json.dumps([*sys.modules]))"
    )
    output = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=tmp_path)
    loaded = {name.partition(".")[0] for name in json.loads(output)}
    assert run.report.is_file()
    assert {"matplotlib", "jinja2"} <= loaded
    assert not loaded & {"torch", "ray", "kaggle", "sklearn"}
    assert "matplotlib.pyplot" not in json.loads(output)
