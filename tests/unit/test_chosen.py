"""The images that a report shows: who predicted them, and those that cannot be read."""

from pathlib import Path

import numpy as np
import pytest

from raytrain.data.report import read_report
from raytrain.pipeline.evaluate import COLUMNS
from raytrain.pipeline.predict import write_mask
from raytrain.pipeline.report import report
from raytrain.report.chosen import chosen_figures
from raytrain.report.facts import read_facts
from raytrain.report.oof import read_oof
from raytrain.report.printed import PrintedFigure
from raytrain.runs.files import read_json, write_bytes, write_json
from raytrain.runs.layout import RunDir
from raytrain.submission.agreement import agreement
from tests.support import ledger_in
from tests.unit.report_run import build


def asked(run: RunDir, ids: list[str]) -> None:
    tree = read_json(run.config, "")
    write_json(run.config, tree | {"report": {"images": ids}})


def drawn(run: RunDir) -> list[PrintedFigure]:
    facts = read_facts(run, [], agreement([]))
    return chosen_figures(facts, read_oof(facts))


def test_a_training_that_predicted_an_image_is_named(tmp_path: Path) -> None:
    run = build(tmp_path, "search")
    data = read_report(run.data_report)
    first = data.ids("train")[0]
    asked(run, [first])
    place = run.trial(next(run.trials.iterdir()).name)
    height, width = data.largest
    write_mask(place.masks / f"{first}.png", np.zeros((height, width)), np.dtype(np.uint8))
    write_bytes(place.evaluation, f"{','.join(COLUMNS)}\nsearch_unet_abcd\n".encode())
    [figure] = drawn(run)
    assert figure.data["predicted by"].tolist() == ["search_unet_abcd"]


@pytest.mark.slow
def test_an_unreadable_image_is_left_out_and_named(tmp_path: Path) -> None:
    run = build(tmp_path, "finalize")
    data = read_report(run.data_report)
    ids = [*data.ids("train")[:2]]
    asked(run, ids)
    report(run, ledger_in(run))
    [figure] = drawn(run)
    assert figure.data["id"].tolist() == ids
    before = {path.name for path in run.figures.iterdir()}
    assert "images.png" in before
    first, second = (Path(data.source) / data.samples.set_index("id").at[id, "image"] for id in ids)
    first.write_bytes(b"torn")
    [figure] = drawn(run)
    assert figure.data["id"].tolist() == ids[1:]
    assert figure.caption.endswith(f"Not readable: {ids[0]}.")
    second.write_bytes(b"torn")
    with pytest.raises(ValueError, match="no image can be read"):
        drawn(run)
    report(run, ledger_in(run))
    assert {path.name for path in run.figures.iterdir()} == before
