"""The Python interface. Each function does the same as the command of its name.

A function prints nothing. It shows a progress bar on stderr, and raises ValueError with the text
that the command prints. The messages of the command go to the log `raytrain`, at level INFO.
Results of `check`, `search`, `run` and `evaluate` have the paths of the run's files as attributes
of `paths`.
"""

from collections.abc import Collection, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from raytrain.interface.returned import Checked, Drafted, Evaluated, Finished, Searched

if TYPE_CHECKING:  # all of them take long to import
    from raytrain.config.job import JobSpec, Place
    from raytrain.pipeline.predict_new import Extra, Predicted
    from raytrain.pipeline.submit import Submission
    from raytrain.pipeline.suspects import Suspects
    from raytrain.runs.layout import RunDir
    from raytrain.runs.record import Record
    from raytrain.submission.preflight import Consent


def load_job(
    path: str | PathLike[str], set: Sequence[str] = (), profile: str | None = None
) -> "JobSpec":
    """Return the job in a YAML file. `set` has overrides, such as `["trial.epochs=3"]`.

    Raises ValueError that lists every problem.
    """
    from raytrain.config.load import load_job as load

    return load(Path(path), list(set), profile)


def init(
    folder: str | PathLike[str],
    sample: str | PathLike[str] | None = None,
    out: str | PathLike[str] | None = None,
) -> Drafted:
    """Look at an unknown folder or .zip, and write the YAML of its competition.

    `sample` is the sample submission, if it is not in the folder. `out` is the file to write, by
    default `<folder's name>.yaml`. Raises ValueError when the file exists or no masks are found.
    """
    from raytrain.pipeline.init import init as station

    files = [None if each is None else Path(each) for each in (sample, out)]
    draft, path = station(str(folder), *files)
    return Drafted(path, draft)


def check(job: "JobSpec") -> Checked:
    """Read all data once, and save the facts about it and the folds. Raises ValueError that lists
    every problem."""
    from raytrain.pipeline.check import check_all

    folder = _visited(job)
    return Checked(folder, *check_all(job, folder))


def train(job: "JobSpec", place: "Place" = "ray") -> "Record":
    """Train the job's trial once, with the val split or the first fold held out, and return its
    record."""
    from raytrain.pipeline.run import opened
    from raytrain.pipeline.train import train as station

    folder = _folder(job)
    with opened(_at(job, place), folder, place, "train") as opened_run:
        return station(opened_run)


def search(job: "JobSpec", place: "Place" = "ray") -> Searched:
    """Search models, losses and rates with early stopping, and return the configurations, best
    first."""
    from raytrain.pipeline.run import opened
    from raytrain.pipeline.search import search as station

    folder = _folder(job)
    with opened(_at(job, place), folder, place, "search") as opened_run:
        return Searched(folder, station(opened_run))


def run(job: "JobSpec", place: "Place" = "ray") -> Finished:
    """Run the whole pipeline, from the folder to the checked CSV; call it again to continue.

    Nothing is sent unless `competition.submission.send` is true.
    """
    from raytrain.pipeline.run import run as line
    from raytrain.runs.ensemble import read_ensemble
    from raytrain.search.configurations import configurations
    from raytrain.search.leaderboard import ranked

    folder = _folder(job)
    event = line(_at(job, place), folder, place)
    return Finished(folder, read_ensemble(folder), configurations(ranked(folder)), event)


def predict(
    images: str | PathLike[str] | Sequence[str | PathLike[str]],
    source: str | PathLike[str],
    out: str | PathLike[str] = "predictions",
    extras: "Collection[Extra]" = (),
    *,
    trust: bool = False,
) -> "Predicted":
    """Predict the masks of new images, and write each as `<out>/<name>.png`.

    `images` are files, folders, patterns or .npy stacks. `source` is a run's folder, a bundle or a
    checkpoint. `extras` names further files to write: `probabilities`, `overlay`, `csv`. `trust`
    allows running the Python files of somebody else's run.

    Raises ValueError for images, a source or extras that cannot be used.
    """
    from raytrain.pipeline.predict_new import predict_new

    if not isinstance(source, str | PathLike):
        raise ValueError(
            f"source: give the path of a run's folder, a bundle or a checkpoint, such as "
            f"result.paths.path (got {type(source).__name__})"
        )
    given = [images] if isinstance(images, str | PathLike) else images
    return predict_new([*map(str, given)], Path(source), Path(out), [*extras], trust)


def evaluate(job: "JobSpec") -> Evaluated:
    """Return scores of masks against the truth: of the ensemble's masks or, without an ensemble, of
    those of the best training. They are also written to a CSV file."""
    from raytrain.pipeline.evaluate import evaluate as station

    folder = _visited(job)
    found = station(folder)
    return Evaluated(folder, found.of, found.file, found.classes, found.sets)


def suspects(job: "JobSpec") -> "Suspects":
    """Return the labels that the out-of-fold ensemble contradicts most. Call it after `run`.

    The result has the rows of all labels as a DataFrame, and the paths of a picture, a table and a
    list that `competition.exclude` can name.
    """
    from raytrain.pipeline.suspects import suspects as station

    return station(_visited(job))


def report(job: "JobSpec") -> Path:
    """Write report.html, one page that needs no network, and return its path.

    `run` writes the page, too. Call this after `train` or `search`.
    """
    from raytrain.pipeline.report import report as station
    from raytrain.submission.ledger import ledger_of

    folder = _visited(job)
    return station(folder, ledger_of(job, folder))


def preview(job: "JobSpec", consent: "Collection[Consent]" = ()) -> "Submission":
    """Do everything that `submit` does before it sends. The result has a token for `submit`."""
    from raytrain.pipeline.submit import preview as station

    return station(job, _visited(job), consent)


def submit(
    job: "JobSpec", token: str | None = None, consent: "Collection[Consent]" = ()
) -> "Submission":
    """Send submission.csv to Kaggle, exactly once, and follow it until it is scored.

    With the `token` of a preview, exactly the file that was previewed is sent. `consent` allows to
    send the same file `again`, to send a file `late`, and to send a file that is `unlikely` to be
    better than the best one sent.
    """
    from raytrain.pipeline import submit as stations

    if token is None:
        return stations.submit(job, _visited(job), consent)
    return stations.commit(job, _visited(job), token, consent)


def _folder(job: "JobSpec") -> "RunDir":
    from raytrain.runs.layout import run_dir

    return run_dir(_loaded(job))


def _visited(job: "JobSpec") -> "RunDir":
    from raytrain.runs.lock import visited

    return visited(_loaded(job))


def _loaded(job: "JobSpec") -> "JobSpec":
    from raytrain.config.job import JobSpec

    if not isinstance(job, JobSpec):
        raise ValueError(f"job: give the result of rt.load_job(path) (got {job!r:.80})")
    return job


def _at(job: "JobSpec", place: "Place") -> "JobSpec":
    from raytrain.config.errors import unknown_name
    from raytrain.config.job import Place

    if place not in get_args(Place):
        raise ValueError(f"place: {unknown_name(place, get_args(Place))}")
    return job.at(place)
