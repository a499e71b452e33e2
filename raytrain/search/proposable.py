"""Which trials of a run folder the current job could propose."""

from raytrain.config.job import JobSpec
from raytrain.config.search import OF_DRAWS, SearchSpec
from raytrain.config.shipping import EpochsSpec, LastSpec
from raytrain.config.space import Given, resolve, with_values
from raytrain.config.space_points import points_of
from raytrain.config.trial import TrialSpec
from raytrain.engine.run import Run
from raytrain.engine.tasks import Fold, make_task, say_once, search_folds
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.record import Task
from raytrain.runs.search_log import read_proposals, write_present


def study_key(job: JobSpec, folds: list[Fold]) -> str:
    """Return the fingerprint of everything that determines which trials are drawn. The numbers of
    trials and repeats are left out, because they may be raised later."""
    asked = job.search.model_dump(mode="json", include=SearchSpec.marked(OF_DRAWS))
    return fingerprint(asked, job.trial.model_dump(mode="json"), folds[0].name)


def repeats(run: Run, folds: list[Fold], spec: TrialSpec) -> list[Task]:
    """Return the trials of one configuration of the search: seed by seed, fold by fold."""
    search = run.job.search

    def task(spec: TrialSpec, fold: Fold) -> Task:
        return make_task(run, "search", spec, fold, search.workers)

    # Folds differ in size; a length in steps is converted once, for the first fold.
    first = task(spec, folds[0]).spec
    seeds = range(spec.seed, spec.seed + search.repeats.seeds)
    return [task(first.model_copy(update={"seed": seed}), fold) for seed in seeds for fold in folds]


def could_propose(job: JobSpec, spec: TrialSpec) -> bool:
    """Return whether a drawn spec lies in the job's space. With a budget, any length of training is
    allowed, because the budget decides the length."""
    base = job.trial if job.budget is None else shortened(job.trial, spec.epochs)
    for point in points_of(job.search.space, spec):
        try:
            if with_values(base, resolve(job.search.space, Given(point))) == spec:
                return True
        except ValueError:
            continue
    return False


def note_present(run: Run) -> list[str]:
    """Write the list of drawn trials that the current job could draw, whichever job drew them.

    The other trials stay in the folder. Returns the fingerprints of the listed trials.
    """
    job, folder, folds = run.job, run.folder, search_folds(run)
    key = study_key(job, folds)
    drawn = {each.spec.model_dump_json(): each for each in read_proposals(folder.proposals)}
    mine = [
        each.spec for each in drawn.values() if each.study == key or could_propose(job, each.spec)
    ]
    tasks = [task for spec in mine for task in repeats(run, folds, spec)]
    trials = list(dict.fromkeys(task.fingerprint for task in tasks))
    if drawn:
        write_present(folder, trials)
    if len(mine) < len(drawn):
        say_once(
            f"{len(drawn) - len(mine)} of {len(drawn)} configurations in {folder.search} were "
            "drawn for another job; they stay there but are not ranked"
        )
    return trials


def shortened(spec: TrialSpec, epochs: int) -> TrialSpec:
    """Return the same training with at most `epochs` epochs, and with its schedule for this length.
    If `ship` names later epochs, the last weights are shipped instead."""
    if spec.length is None and spec.last_epoch <= epochs:
        return spec
    short = spec.laid_out_for(epochs).model_copy(update={"length": None})
    if isinstance(spec.ship, EpochsSpec) and spec.ship.at[-1] > epochs:
        return short.model_copy(update={"ship": LastSpec()})
    return short
