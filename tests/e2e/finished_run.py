"""A run whose CSV is ready to be sent, and a look for secrets in what is left."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from raytrain.backend.local import LocalBackend
from raytrain.config.formats import PairedFoldersSpec
from raytrain.config.load import load_job
from raytrain.config.metrics import DiceMetricSpec
from raytrain.data.report import DataReport, write_report
from raytrain.engine.run import Run
from raytrain.metrics.evidence import Evidence
from raytrain.metrics.oof_file import OofEvidence, write_oof_evidence
from raytrain.pipeline.encode import encode
from raytrain.pipeline.submit import submit
from raytrain.runs.ensemble import Candidate, Network
from raytrain.runs.files import write_json
from raytrain.runs.layout import RunDir, run_dir
from raytrain.submission.events import Event
from raytrain.submission.preflight import Consent
from tests.e2e.kaggle_state import KEY, TOKEN
from tests.runs import ensemble_of
from tests.support import ledger_in

CSV = b"id,encoding\ncmr1_mask1,5 2\ncmr1_mask2,\n"
CLASSES = ("background", "rv", "myo")
SIZE_HW = (4, 6)


def write_finished(folder: Path) -> Path:
    """A job file whose run is finished."""
    path = folder / "job.yaml"
    competition = {
        "name": "cardiac",
        "data": str(folder / "data"),
        "classes": [*CLASSES],
        "submission": {"slug": "heart"},
    }
    path.write_text(yaml.safe_dump({"competition": competition, "storage": str(folder / "runs")}))
    finished(path)
    return path


def run_of(job: Path, *overrides: str) -> RunDir:
    return run_dir(load_job(job, list(overrides)))


def finished(
    job: Path, *overrides: str, pixels: int = 2, score: float = 0.89124, hits: int = 10
) -> None:
    """What `finalize` leaves: a mask of so many pixels, and out-of-fold evidence of two patients
    of whose 20 pixels so many were found."""
    spec = load_job(job, list(overrides))
    run = run_dir(spec)
    write_report(run.data_report, _report())
    run.masks.mkdir(parents=True, exist_ok=True)
    Image.fromarray(_mask(pixels)).save(run.mask("cmr1"))
    oof = {
        "metric": "Dice", "score": score, "low": 0.88, "high": 0.9, "dice": score,
        "per_class": [score, score], "images": 20,
        "confusion": [[900, 20, 30], [10, 80, 5], [0, 4, 60]],
    }  # fmt: skip
    network = Network(fingerprint="a1b2c3d4e5f6", checkpoint="x.pt", ranks=1)
    member = Candidate(name="unet", fingerprint="a1b2c3d4e5f6", networks=(network,), oof=oof)
    ensemble = ensemble_of([member], oof, "f", "d", folds=1)
    write_json(run.ensemble, ensemble.model_dump(mode="json"))
    counts = [[[0, 0, 0], [hits, 0, 20 - hits], [hits, 0, 20 - hits]]] * 2
    evidence = Evidence(np.array(counts), (), None)
    oof_evidence = OofEvidence(("a", "b"), ("p", "q"), evidence, DiceMetricSpec())
    write_oof_evidence(run.evidence, oof_evidence)
    encode(Run(spec, run, _report(), LocalBackend))


def truth() -> dict[str, np.ndarray]:
    """The true masks of the rows: three pixels of the one, none of the other."""
    return {"cmr1_mask1": _mask(3) == 1, "cmr1_mask2": _mask(3) == 2}


def no_secret_in(folder: Path, *texts: str) -> None:
    """Neither the texts nor any file outside the home hold a secret."""
    for secret in (TOKEN, KEY):
        assert all(secret not in text for text in texts)
        for path in folder.rglob("*"):
            if path.is_file() and path.name not in ("kaggle.json", "access_token"):
                assert secret.encode() not in path.read_bytes(), path


def _mask(pixels: int) -> np.ndarray:
    """So many pixels of the first class down the second column."""
    mask_HW = np.zeros(SIZE_HW, np.uint8)
    mask_HW[:pixels, 1] = 1
    return mask_HW


def _report() -> DataReport:
    row = {"id": "cmr1", "split": "test", "height": SIZE_HW[0], "width": SIZE_HW[1]}
    return DataReport(
        fingerprint="d", source="data", format=PairedFoldersSpec(), channels=1, dtype="uint8",
        classes=CLASSES, target="single_label", sizes={"6x4": 1}, splits={}, duplicates=(),
        near_duplicates=(), disagreements=(), shift_auc=None, samples=pd.DataFrame([row]),
    )  # fmt: skip


def kinds(job: Path) -> list[str]:
    return [event.kind for event in ledger_in(run_of(job)).read()]


def last(job: Path) -> Event:
    return ledger_in(run_of(job)).read()[-1]


def submitted(job: Path, *consent: Consent, overrides: tuple[str, ...] = ()) -> None:
    submit(load_job(job, list(overrides)), run_of(job, *overrides), consent)


def refused(job: Path, *overrides: str) -> str:
    """What is printed when it does not."""
    with pytest.raises(ValueError, match=r".") as caught:
        submitted(job, overrides=overrides)
    return str(caught.value)
