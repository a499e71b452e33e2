"""What several suites need: a small drawn competition, its job file, and the command line."""

import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from jsonschema import Draft202012Validator

from raytrain.config.job import JobSpec
from raytrain.data.phantom import PhantomSplit, write_phantom
from raytrain.runs.history import read_history
from raytrain.runs.layout import RunDir
from raytrain.submission.ledger import FileLedger

CLOCK = (
    "seconds", "samples_per_s", "wait_share", "epoch_seconds", "seconds_left", "time", "host_gb",
    "device",
)  # fmt: skip
"""What differs between two equal trainings."""
PATIENTS = PhantomSplit(train=8, val=3, test=20)
"""16 and 6 labeled images; 40 test images, which are two shards of prediction."""


@cache
def schema_validator() -> Draft202012Validator:
    """Validates a job as an editor does that was given `raytrain schema`."""
    return Draft202012Validator(JobSpec.model_json_schema())


@cache
def _drawn() -> TemporaryDirectory[str]:
    """The competition of every job, drawn once in a process and deleted at its end."""
    place = TemporaryDirectory()
    write_phantom(Path(place.name) / "data", Path(place.name) / "truth", PATIENTS, 0)
    return place


def write_job(folder: Path, storage: Path, **parts: object) -> Path:
    """Copy a drawn competition into `folder`, unless it has one, and write a job of a few seconds
    beside it."""
    if not (folder / "data").exists():
        shutil.copytree(_drawn().name, folder, copy_function=shutil.copyfile, dirs_exist_ok=True)
    job: dict = {
        "competition": {
            "name": "phantom",
            "data": str(folder / "data"),
            "classes": ["background", "rv", "myo", "lv"],
            "group": "(N+1)//2",
        },
        "trial": {
            "model": {"name": "unet", "width": 4, "depth": 2},
            "optimizer": {"name": "adam", "lr": 3e-3},
            "epochs": 4,
            "batch_size": 4,
            "augmentation": "flips",
        },
        "search": {
            "trials": 4,
            "scheduler": {"name": "none"},
            "space": {
                "loss": {"grid": [[{"name": "cross_entropy"}], [{"name": "dice"}]]},
                "optimizer.lr": {"loguniform": [1e-3, 1e-2]},
            },
        },
        "folds": {"count": 2},
        "cv": {"candidates": 2},
        "finalize": {"workers": 1, "epochs": 3},
        "resources": {"cpus": 1, "memory_gb": 1},
        "storage": str(storage),
    }
    for key, value in parts.items():
        job[key] = {**job.get(key, {}), **value} if isinstance(value, dict) else value
    path = folder / f"{storage.name}.yaml"
    path.write_text(yaml.safe_dump(job))
    return path


def ledger_in(run: RunDir) -> FileLedger:
    """The ledger of a run whose job has an absolute storage, as all tests' jobs have."""
    storage, competition = run.path.parents[1], run.path.parent.name
    return FileLedger(storage / "submissions" / competition / "ledger.jsonl")


SHORT = ("--set", "trial.epochs=1", "--set", "trial.model.width=2")
"""What makes any job take seconds."""


def write_shortest(folder: Path) -> Path:
    """Draw a competition, and write the demo's job without its profile: data, classes and nothing
    else. Results go to `runs` in the folder."""
    write_phantom(folder / "phantom", folder / "truth", PhantomSplit(train=6, val=2, test=1), 0)
    tree = yaml.safe_load((Path(__file__).parents[1] / "jobs" / "phantom.yaml").read_text())
    assert tree.keys() == {"competition", "profile", "profiles"}
    assert tree["competition"].keys() == {"data", "classes"}
    job = {"competition": {**tree["competition"], "data": str(folder / "phantom")}}
    path = folder / "shortest.yaml"
    path.write_text(yaml.safe_dump({**job, "storage": str(folder / "runs")}))
    return path


def run_folder(storage: Path) -> Path:
    return storage / "phantom" / "default"


def epochs_done(storage: Path, station: str) -> int:
    """Epochs in the longest history of a station's trials (by the names that Ray shows)."""
    histories = run_folder(storage).glob("trials/*/history.jsonl")
    rows = [read_history(path) for path in histories if station_of(path) == station]
    return max((len(part) for part in rows), default=0)


def station_of(history: Path) -> str:
    """Which station a trial belongs to, from its rows and its fold's size."""
    rows = read_history(history)
    if not rows:
        return ""
    if "val_dice" not in rows[0]:
        return "final"
    return "search" if rows[0]["images"] == 2 * PATIENTS.train else "cv"


def figures(storage: Path) -> dict[str, list[dict]]:
    """Every trial's history without what a clock says, by fingerprint."""
    return {
        path.parent.name: [
            {key: value for key, value in row.items() if key not in CLOCK}
            for row in read_history(path)
        ]
        for path in run_folder(storage).glob("trials/*/history.jsonl")
    }


def csv_bytes(storage: Path) -> bytes:
    return (run_folder(storage) / "final" / "submission.csv").read_bytes()
