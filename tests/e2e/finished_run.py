"""A run whose CSV is ready to be sent, and a look for secrets in what is left."""

from pathlib import Path

import yaml

from raytrain.config.load import load_job
from raytrain.runs.ensemble import Ensemble, Member
from raytrain.runs.files import write_json
from raytrain.runs.layout import RunDir, run_dir
from tests.e2e.kaggle_server import KEY, TOKEN

CSV = b"id,encoding\ncmr1_mask1,5 2\ncmr1_mask2,\n"
OOF = {
    "metric": "Dice", "score": 0.89124, "low": 0.88, "high": 0.9, "dice": 0.89124,
    "per_class": [0.89, 0.89], "images": 20,
}  # fmt: skip


def write_finished(folder: Path) -> Path:
    """A job file whose run is finished."""
    path = folder / "job.yaml"
    competition = {
        "name": "cardiac",
        "data": str(folder / "data"),
        "classes": ["background", "rv", "myo"],
        "submission": {"slug": "heart"},
    }
    path.write_text(yaml.safe_dump({"competition": competition, "storage": str(folder / "runs")}))
    finished(run_of(path))
    return path


def run_of(job: Path, *overrides: str) -> RunDir:
    return run_dir(load_job(job, list(overrides)))


def finished(run: RunDir, csv: bytes = CSV) -> None:
    """What `finalize` leaves."""
    member = Member(name="unet", fingerprint="a1b2c3d4e5f6", checkpoint="x.pt", ranks=1, oof=OOF)
    ensemble = Ensemble(fingerprint="e", members=(member,), oof=OOF, folds="f", data="d")
    write_json(run.ensemble, ensemble.model_dump(mode="json"))
    run.submission.write_bytes(csv)


def no_secret_in(folder: Path, *texts: str) -> None:
    """Neither the texts nor any file outside the home hold a secret."""
    for secret in (TOKEN, KEY):
        assert all(secret not in text for text in texts)
        for path in folder.rglob("*"):
            if path.is_file() and path.name not in ("kaggle.json", "access_token"):
                assert secret.encode() not in path.read_bytes(), path
