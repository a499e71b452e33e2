"""Which trials of a run folder the current job could propose."""

from raytrain.config.job import JobSpec
from raytrain.config.shipping import EpochsSpec, LastSpec
from raytrain.config.space import Given, resolve, with_values
from raytrain.config.space_points import points_of
from raytrain.config.trial import TrialSpec
from raytrain.data.report import DataReport
from raytrain.pipeline.tasks import Fold, make_task, places, say_once
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.layout import RunDir
from raytrain.runs.present import write_present
from raytrain.runs.proposals import read_proposals
from raytrain.runs.record import Task


def study_key(job: JobSpec, held: list[Fold]) -> str:
    """Return the fingerprint of everything that determines the drawn trials, except the numbers of
    trials and repeats, which may be raised later."""
    deciding = {"space", "seed", "sampler", "warm_start"}
    asked = job.search.model_dump(mode="json", include=deciding)
    return fingerprint(asked, job.trial.model_dump(mode="json"), held[0][0])


def repeats(
    job: JobSpec, run: RunDir, report: DataReport, held: list[Fold], spec: TrialSpec
) -> list[Task]:
    """Return the trials of a configuration of the search: seed by seed, fold by fold."""

    def task(spec: TrialSpec, place: int) -> Task:
        return make_task(job, run, report, "search", spec, held[place], job.search.workers)

    # Folds differ in size; a length in steps is converted once, for the first fold.
    first = task(spec, 0).spec
    seeds = range(spec.seed, spec.seed + job.search.repeats.seeds)
    return [
        task(first.model_copy(update={"seed": seed}), place)
        for seed in seeds
        for place in range(len(held))
    ]


def could_propose(job: JobSpec, spec: TrialSpec) -> bool:
    """Return whether a drawn spec lies in the job's space. With a budget, any length of training is
    allowed, because the budget sets it."""
    base = job.trial if job.budget is None else shortened(job.trial, spec.epochs)
    for point in points_of(job.search.space, spec):
        try:
            if with_values(base, resolve(job.search.space, Given(point))) == spec:
                return True
        except ValueError:
            continue
    return False


def note_present(job: JobSpec, run: RunDir, report: DataReport) -> list[str]:
    """Write the list of drawn trials, whichever job drew them, that the current job could propose.

    The other trials stay in the folder. Returns the fingerprints of the listed trials.
    """
    held = places(job, run, report)
    key = study_key(job, held)
    drawn = {each.spec.model_dump_json(): each for each in read_proposals(run.proposals)}
    mine = [
        each.spec for each in drawn.values() if each.study == key or could_propose(job, each.spec)
    ]
    tasks = [task for spec in mine for task in repeats(job, run, report, held, spec)]
    trials = list(dict.fromkeys(task.fingerprint for task in tasks))
    if drawn:
        write_present(run, trials)
    if len(mine) < len(drawn):
        say_once(
            f"{len(drawn) - len(mine)} of {len(drawn)} configurations in {run.search} were drawn "
            "for another job; they stay there, but are not ranked"
        )
    return trials


def shortened(spec: TrialSpec, epochs: int) -> TrialSpec:
    """Return the same training with at most `epochs` epochs."""
    if spec.length is None and spec.last_epoch <= epochs:
        return spec
    short = spec.laid_out_for(epochs).model_copy(update={"length": None})
    if isinstance(spec.ship, EpochsSpec) and spec.ship.at[-1] > epochs:
        return short.model_copy(update={"ship": LastSpec()})
    return short
