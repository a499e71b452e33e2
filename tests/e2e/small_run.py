"""A finished run of seconds whose ensemble has several networks, weights, views and steps."""

from pathlib import Path

import numpy as np

from raytrain.config.load import load_job
from raytrain.config.steps import BiasStep, SmallestAreaStep, StepSpec
from raytrain.data.decode import decode_mask
from raytrain.data.report import DataReport
from raytrain.data.samples import SampleFiles
from raytrain.ensemble.predictor import load_predictor
from raytrain.ensemble.select import select
from raytrain.pipeline.cv import candidate_recipes, cv
from raytrain.pipeline.encode import encode
from raytrain.pipeline.finalize import finalize
from raytrain.pipeline.predict import predict
from raytrain.pipeline.run import opened
from raytrain.pipeline.search import search
from raytrain.runs.ensemble import Choice, Ensemble, Network
from raytrain.runs.files import write_json
from raytrain.runs.layout import RunDir, run_dir
from tests.support import write_job


def write_small_run(folder: Path, **parts: object) -> tuple[Path, RunDir]:
    """Train two configurations on two folds, and predict with all four networks."""
    settings: dict = {
        "trial": {"epochs": 1}, "search": {"trials": 2}, "cv": {"candidates": 2},
        "finalize": {"epochs": 1, "ship": "folds", "members": 2},
        "predict": {"tta": "none", "steps": "none"},
        **parts,
    }  # fmt: skip
    job = write_job(folder, folder / "runs", **settings)
    spec = load_job(job).at("local")
    run = run_dir(spec)
    with opened(spec, run, "local", "search", "cv", "final") as opened_run:
        search(opened_run)
        recipes = candidate_recipes(opened_run)
        cv(opened_run, recipes)
        ensemble = finalize(opened_run, select(opened_run, recipes))
        ensemble = richer(run, ensemble, ())
        write_json(run.ensemble, ensemble.model_dump(mode="json"))
        steps = (balanced(run, opened_run.report), SmallestAreaStep(at=(3, 2, 0)))
        write_json(run.ensemble, richer(run, ensemble, steps).model_dump(mode="json"))
        predict(opened_run)
        encode(opened_run)
    masks = [decode_mask(run.mask(id)) for id in opened_run.report.ids("test")]
    assert len(np.unique(np.stack(masks))) > 2, "masks of one class would prove nothing"
    return job, run


def richer(run: RunDir, ensemble: Ensemble, steps: tuple[StepSpec, ...]) -> Ensemble:
    """The ensemble with all networks of the folds, other weights, views and steps."""
    candidates = [
        candidate.model_copy(update={"networks": tuple(_network(run, f) for f in candidate.folds)})
        for candidate in ensemble.candidates
    ]
    chosen = Choice(weights=(2, 1), views=(("hflip",), ()), steps=steps)
    update = {"candidates": tuple(candidates), "chosen": chosen, "fingerprint": f"r{len(steps)}"}
    return ensemble.model_copy(update=update)


def balanced(run: RunDir, report: DataReport) -> BiasStep:
    """The bias with which networks that have learned little predict every class somewhere."""
    image_HWC = SampleFiles(report).image(report.ids("test")[0])
    logs_KHW = np.log(load_predictor(run.path)(image_HWC))
    return BiasStep(at=tuple(np.median(logs_KHW[:1] - logs_KHW[1:], axis=(1, 2)).tolist()))


def _network(run: RunDir, fingerprint: str) -> Network:
    trial = run.trial(fingerprint)
    path = trial.checkpoints / "last.pt"
    return Network(fingerprint=fingerprint, checkpoint=str(path.relative_to(run.path)), ranks=1)


def same_masks(run: RunDir, folder: Path) -> None:
    """The masks are those of the run, bit by bit."""
    for path in run.masks.glob("*.png"):
        assert path.read_bytes() == (folder / path.name).read_bytes(), path.name
    assert len(list(run.masks.glob("*.png"))) == 40
