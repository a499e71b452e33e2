"""The report page: what it shows at each stage, its numbers, and that it is closed in itself."""

import base64
import io
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report_run import (
    CLASSES,
    STATIONS,
    build,
    maps_of,
    reference_dice,
    reference_scores,
    specs,
)

from raytrain.data.report import DataReport
from raytrain.pipeline.ledger import ledger_table
from raytrain.pipeline.report import report
from raytrain.report.images import SIDE_PX, overlay, visible
from raytrain.report.oof import OofImage, class_dice, telling
from raytrain.report.palette import class_colour, series_colours
from raytrain.runs.files import read_json, write_json
from raytrain.runs.layout import RunDir
from raytrain.runs.leaderboard import ranked

VOID = {"meta", "img", "br", "link", "input", "hr"}
SECTIONS = ("members", "examples", "tests", "leaderboard", "search", "rungs", "data", "folds",
            "submission", "reproduce")  # fmt: skip


class Page(HTMLParser):
    """Elements and text of a page; fails where an element is closed that is not open."""

    def __init__(self, path: Path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.part = ""
        self.parts: dict[str, str] = {}
        self.feed(self.source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, attrs)
        self.elements.append((tag, dict(attrs)))
        if tag in ("section", "header", "footer"):
            self.part = dict(attrs).get("id") or tag
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data)
            self.parts[self.part] = self.parts.get(self.part, "") + " " + data.strip()

    def found(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self, part: str) -> str:
        return re.sub(r"\s+", " ", self.parts[part])


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[RunDir, Page]:
    """A run that was sent, and its page."""
    run = build(tmp_path_factory.mktemp("whole"), STATIONS[-1])
    return run, Page(report(run))


def _data(run: RunDir) -> DataReport:
    return DataReport.model_validate(read_json(run.data_report))


def _pictures(page: Page, alt: str) -> list[np.ndarray]:
    found = [image["src"] for image in page.found("img") if re.fullmatch(alt, image["alt"])]
    head = "data:image/png;base64,"
    assert all(source.startswith(head) for source in found)
    pngs = [base64.b64decode(source[len(head) :]) for source in found]
    return [np.asarray(Image.open(io.BytesIO(png))) for png in pngs]


def test_without_checked_data_it_says_what_to_run(tmp_path):
    with pytest.raises(ValueError, match="run `raytrain check` first"):
        report(RunDir(tmp_path / "shapes" / "first"))
    assert not (tmp_path / "shapes" / "first" / "report.html").exists()


@pytest.mark.parametrize(
    ("last", "due"),
    [
        ("check", {"members": "finalize", "examples": "cv", "tests": "finalize", "folds": "check",
                   "leaderboard": "search", "search": "search", "rungs": "search",
                   "submission": "finalize"}),
        ("search", {"members": "finalize", "examples": "cv", "tests": "finalize",
                    "folds": "check", "submission": "finalize"}),
        ("cv", {"members": "finalize", "examples": "finalize", "tests": "finalize",
                "submission": "finalize"}),
        ("finalize", {"tests": "finalize", "submission": "finalize"}),
        ("predict", {"submission": "finalize"}),
        ("encode", {"submission": "submit"}),
        ("submit", {}),
    ],
)  # fmt: skip
def test_each_stage_shows_what_there_is(tmp_path, last, due):
    page = Page(report(build(tmp_path, last)))
    assert [s["id"] for s in page.found("section")] == list(SECTIONS)
    for section in SECTIONS:
        note = re.search(r"not yet: run raytrain (\w+)", page.text(section))
        assert (note and note[1]) == due.get(section), section
    states = [item["class"] for item in page.found("li") if item.get("class")]
    at = STATIONS.index(last)
    assert states == ["done"] * (at + 1) + ["due"] * (len(STATIONS) - at - 1)
    figures = 0 if last == "check" else 4 if last in ("search", "cv") else 6
    assert len(page.found("svg")) == figures


def test_page_is_one_accessible_file(whole):
    run, page = whole
    assert "http" not in page.source.replace("http-equiv", "")
    assert "url(http" not in page.source
    assert "@import" not in page.source
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
    assert page.source.isascii() or "\x00" not in page.source
    assert len(page.found("figure")) == len(page.found("figcaption"))
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page.source, re.DOTALL)
    assert all(caption.rstrip().endswith(".") for caption in captions)
    assert not list(run.path.glob(".report*"))


def test_colours_are_variables_of_both_schemes(whole):
    _, page = whole
    light, dark = page.source.split("prefers-color-scheme: dark")
    used = set(re.findall(r"var\((--[\w-]+)\)", page.source))
    assert used <= set(re.findall(r"(--[\w-]+):", light))
    assert used <= set(re.findall(r"(--[\w-]+):", dark.split("</style>")[0]))


def test_hostile_names_are_text(tmp_path):
    classes = ("<i>none", "<script>alert(1)</script>", "a\"b' & $x_1$ font-family: y; #23282e")
    run = build(tmp_path, STATIONS[-1], classes, run="<script>&amp;")
    page = Page(report(run))
    assert len(page.found("script")) == 1
    assert not page.found("i") or all("style" in found for found in page.found("i"))
    texts = "".join(page.texts)
    assert all(name in texts for name in classes)
    assert "<script>&amp;" in page.text("header")
    drawn = re.findall(r"<text[^>]*>([^<]*)</text>", page.source)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in drawn


def test_scores_are_the_records(whole):
    run, page = whole
    ensemble = read_json(run.ensemble)
    oof, header, members = ensemble["oof"], page.text("header"), page.text("members")
    assert f"{oof['dice']:.4f}" in header
    assert f"95 % {oof['low']:.4f} to {oof['high']:.4f} 12 images, mean of 2 members" in header
    for one in [*[member["oof"] for member in ensemble["members"]], oof]:
        cells = [one["dice"], one["low"], one["high"], *one["per_class"]]
        a, low, high, *rest = (f"{value:.4f}" for value in cells)
        assert f"{a} {low} to {high} {' '.join(rest)}" in members


def test_leaderboard_and_early_stopping_are_the_records(whole):
    run, page = whole
    records, board = ranked(run), page.text("leaderboard")
    places = [board.index(record.fingerprint) for record in records]
    assert places == sorted(places)
    for record in records:
        cells = f"{record.best['val_dice']:.4f} {record.epochs} {record.best['val_loss']:.4f}"
        assert f"{cells} {record.epochs}/4 {record.status}" in board
    rungs = page.text("rungs")
    assert "2 of 4 trials were stopped: 11 epochs were run instead of the full grid's 16" in rungs
    # Compared, stopped, went on, best, lowest that went on: quarters and halves of the tops.
    assert "1 4 1 3 0.2275 0.1550" in rungs
    assert "2 3 1 2 0.4550 0.4150" in rungs
    for stopped, saved in ((records[2], 2), (records[3], 3)):
        assert f"{stopped.name} {stopped.epochs} {stopped.best['val_dice']:.4f} {saved}" in rungs


def test_examples_are_worst_median_best_out_of_fold(whole):
    run, page = whole
    maps = np.mean([maps_of(run, _data(run), member) for member in (0, 1)], axis=0)
    scores = reference_scores(_data(run), maps)
    ordered = sorted(scores, key=lambda id: (np.mean(scores[id]), id))
    due = [ordered[place] for place in (0, 1, 5, 6, 10, 11)]
    text = page.text("examples")
    shown = re.findall(r"(\w+): (img\d+) , Dice (\S+) in fold (\d) \((.*?)\)", text)
    assert [(place, id) for place, id, *_ in shown] == list(
        zip(["worst"] * 2 + ["median"] * 2 + ["best"] * 2, due, strict=True)
    )
    for _, id, dice, fold, classes in shown:
        assert dice == f"{np.mean(scores[id]):.4f}"
        assert int(fold) == (int(id[3:]) in (3, 4, 7, 8, 11, 12))
        pairs = zip(CLASSES[1:], scores[id], strict=True)
        assert classes == ", ".join(f"{name} {value:.3f}" for name, value in pairs)
    for kind in ("", " with its true mask", " with its out-of-fold prediction, Dice .*"):
        pictures = _pictures(page, rf"Image img\d+{kind}")
        assert [picture.shape for picture in pictures] == [(240, SIDE_PX, 3)] * 6


def test_no_validation_figure_of_a_member_that_trained_on_everything(tmp_path):
    run = build(tmp_path, STATIONS[-1])
    for path in run.trials.glob("*/record.json"):
        tree = read_json(path)
        if tree["station"] == "final":
            tree["best"] = {"epoch": 4, "val_dice": 0.98765, "val_loss": 0.0123}
            write_json(path, tree)
    page = report(run).read_text(encoding="utf-8")
    assert "0.9876" not in page
    assert "0.9877" not in page


def test_data_folds_submission_and_ledger(whole):
    run, page = whole
    data, folds = _data(run), read_json(run.folds)
    pixels = np.sum([s.class_pixels for s in data.samples if s.split == "train"], axis=0)
    shares = " ".join(f"{100 * n / pixels.sum():.2f} %" for n in pixels)
    mean, std = data.splits["train"].mean[0], data.splits["train"].std[0]
    assert f"train 8 4 {shares} {mean:.3f} {std:.3f}" in page.text("data")
    assert "img12 img13 val, test across splits" in page.text("data")
    assert folds["hash"] in page.text("folds")
    assert "No group stands in two folds" in page.text("folds")
    assert re.search(r"0 6 3 [\d.]+ % .* 1 6 3 ", page.text("folds"))
    submission = page.text("submission")
    sum256 = subprocess.check_output(["sha256sum", run.submission], text=True).split()[0]
    assert f"rows 8 size {run.submission.stat().st_size / 1000:.1f} kB" in submission
    assert sum256 in submission
    assert "2026-03-04 05:06 sent first-0001 this file 0.8123 4711" in submission


def test_configuration_can_be_read_back(whole):
    import yaml

    run, page = whole
    reproduce = page.text("reproduce")
    for name in ("data.json", "ensemble.json"):
        path = run.path / name if name == "data.json" else run.ensemble
        assert read_json(path)["fingerprint"] in reproduce
    (config,) = [text for text in page.texts if text.startswith("competition:")]
    assert yaml.safe_load(config) == read_json(run.config)


def test_masks_of_another_ensemble_are_not_shown(tmp_path):
    run = build(tmp_path, STATIONS[-1])
    (run.masks / ".ensemble").write_text("other")
    page = Page(report(run))
    assert "not yet: run raytrain finalize" in page.text("tests")
    assert not _pictures(page, "Test image .*")


def test_moved_data_leaves_the_numbers(tmp_path):
    run = build(tmp_path, STATIONS[-1])
    shutil.rmtree(tmp_path / "data")
    page = Page(report(run))
    assert "cannot be shown here" in page.text("examples")
    assert "cannot be shown here" in page.text("tests")
    assert f"{read_json(run.ensemble)['oof']['dice']:.4f}" in page.text("members")


def test_maps_of_other_folds_are_refused(tmp_path):
    run = build(tmp_path, STATIONS[-1])
    path = next(run.oof.glob("*.npy"))
    np.save(path, np.load(path)[:2])
    with pytest.raises(ValueError, match=rf"{path.name}: holds \(2, 3, 20, 24\).*raytrain cv"):
        report(run)


def test_a_failed_trial_and_a_search_without_scheduler(tmp_path):
    run = build(tmp_path, "search")
    run.events.unlink()
    record = ranked(run)[-1]
    path = run.trial(record.fingerprint).record
    write_json(
        path, read_json(path) | {"status": "failed", "reason": "loss is <nan>", "best": None}
    )
    run.trial(record.fingerprint).history.write_text("")
    write_json(
        run.config, read_json(run.config) | {"search": {"scheduler": {"name": "none"}}}
    )
    page = Page(report(run))
    assert "failed loss is <nan>" in page.text("leaderboard")
    assert "No trial was compared at a rung (scheduler: none)" in page.text("rungs")
    assert len(page.found("svg")) == 3
    assert "best validation Dice of the search" in page.text("header")


def test_dice_against_hand_computed_table_and_reference():
    true = np.array([[1, 1, 0], [2, 0, 0]])
    pred = np.array([[1, 0, 0], [2, 2, 1]])
    # Class 1: 1 hit, sizes 2 and 2; class 2: 1 hit, sizes 2 and 1; class 3: absent from both.
    assert class_dice(pred, true, 4).tolist() == pytest.approx([0.5, 2 / 3, 1.0])
    rng = np.random.default_rng(5)
    for _ in range(5):
        pred, true = rng.integers(0, 3, (2, 9, 7))
        assert class_dice(pred, true, 5) == pytest.approx(reference_dice(pred, true, 5))
        assert class_dice(true, true, 5).tolist() == [1.0] * 4


def test_few_images_are_all_shown():
    images = [OofImage(str(n), 0, n, n / 10, ()) for n in range(9)]
    assert [image for _, image in telling(images[:5])] == images[:5]
    assert [image.id for _, image in telling(images)] == ["0", "1", "3", "4", "7", "8"]


def test_overlay_tints_inside_and_outlines_the_border():
    image = np.full((SIDE_PX, SIDE_PX, 3), 100, np.uint8)
    mask = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    mask[50:100, 60:120] = 1
    source = overlay(image, mask).partition(",")[2]
    drawn = np.asarray(Image.open(io.BytesIO(base64.b64decode(source))))
    colour = [int(class_colour(1)[place : place + 2], 16) for place in (1, 3, 5)]
    assert drawn[50, 60].tolist() == drawn[99, 119].tolist() == colour
    assert drawn[75, 80].tolist() == [round(62 + 0.38 * value) for value in colour]
    assert drawn[49, 60].tolist() == drawn[75, 120].tolist() == [100, 100, 100]


@pytest.mark.parametrize(
    ("array", "top"),
    [
        (np.linspace(0, 4000, 600).reshape(20, 30).astype(np.uint16), 255),
        (np.arange(600).reshape(20, 30).astype(np.uint8), 255),
        (np.full((20, 30, 4), 9, np.uint8), 9),
        (np.zeros((20, 30), bool), 0),
    ],
)
def test_any_image_becomes_visible(tmp_path, array, top):
    Image.fromarray(array).save(tmp_path / "x.png")
    shown = visible(tmp_path / "x.png")
    assert (shown.shape, shown.dtype, shown.max()) == ((20, 30, 3), np.uint8, top)


def test_large_images_are_reduced_with_their_masks():
    mask = np.zeros((900, 600), np.uint8)
    mask[:450] = 1
    source = overlay(np.zeros((900, 600, 3), np.uint8), mask).partition(",")[2]
    drawn = np.asarray(Image.open(io.BytesIO(base64.b64decode(source))))
    assert drawn.shape == (SIDE_PX, 192, 3)
    assert drawn[:144].any(axis=2).all()
    assert not drawn[144:].any()


def test_series_beyond_the_palette_stay_distinct_labels():
    colours = series_colours([f"s{n % 20}" for n in range(40)])
    assert len(colours) == 20
    assert len(set(colours.values())) == 8


def test_every_configuration_has_its_colour(whole):
    _, page = whole
    labels = {"unet16x4, cross_entropy + dice", "unet8x4, cross_entropy + dice",
              "unet16x4, cross_entropy"}  # fmt: skip
    assert all(label in page.text("search") for label in labels)
    assert len(specs()) == 4


def test_ledger_table(tmp_path, whole):
    empty = ledger_table(RunDir(tmp_path / "shapes" / "first"))
    assert "nothing was prepared or sent yet" in empty
    run, _ = whole
    table = ledger_table(run)
    assert re.search(r"first-0001.*sent.*2026-03-04 05:06.*first.*0.8123.*4711", table)
    assert table.count("first-0001") == 1
    run.ledger.read_text()


def test_neither_torch_nor_ray_is_loaded(tmp_path):
    run = build(tmp_path, STATIONS[-1])
    code = (
        "import sys, json; from pathlib import Path\n"
        "from raytrain.runs.layout import RunDir\n"
        "from raytrain.pipeline.report import report\n"
        "from raytrain.pipeline.ledger import ledger_table\n"
        f"run = RunDir(Path({str(run.path)!r})); report(run); ledger_table(run)\n"
        "print(json.dumps([*sys.modules]))"
    )
    output = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=tmp_path)
    loaded = {name.partition(".")[0] for name in json.loads(output)}
    assert run.report.is_file()
    assert {"matplotlib", "jinja2"} <= loaded
    assert not loaded & {"torch", "ray", "kaggle", "sklearn"}
    assert "matplotlib.pyplot" not in json.loads(output)
