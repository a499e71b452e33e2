"""The pipeline under a budget: a quick member first, then the best that fits into the remaining
time.

Every round ends with the out-of-fold score of a candidate ensemble. It replaces the current one
only if two scores are higher than the current score: its own, and the nested score, which chooses
between the two on each fold by the other folds. So whenever the run ends, `final/` holds the best
ensemble so far, complete and checked.
"""

from raytrain.config.duration import duration_text
from raytrain.config.job import JobSpec
from raytrain.config.job import most as most_workers
from raytrain.config.space import sample_trials
from raytrain.config.trial import TrialSpec
from raytrain.data.folds import load_or_make_folds
from raytrain.data.report import DataReport
from raytrain.ensemble.nested import nested_score
from raytrain.metrics import score
from raytrain.pipeline.backend import Workplace
from raytrain.pipeline.budget import Budget, Plan
from raytrain.pipeline.cv import cv, fold_tasks, member_specs
from raytrain.pipeline.encode import encode
from raytrain.pipeline.finalize import finalize, oof_evidence
from raytrain.pipeline.plan import PROBED
from raytrain.pipeline.predict import predict
from raytrain.pipeline.present import shortened
from raytrain.pipeline.probe import probe
from raytrain.pipeline.search import search
from raytrain.pipeline.shares import QUICK, Costs, quick_epochs, search_share
from raytrain.pipeline.standing import built_beside, standing, stands, take_place
from raytrain.pipeline.tables import leaderboard_table, score_text
from raytrain.pipeline.trainable import make_trainable
from raytrain.runs.candidates import Candidate, append_candidate, read_candidates
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.joined import read_joined
from raytrain.runs.layout import RunDir


def rounds(
    job: JobSpec, run: RunDir, report: DataReport, workplace: Workplace, budget: Budget
) -> None:
    """Run a quick member, the search, the best configuration, and the best few."""
    if standing(run) is None:
        _quick_member(job, run, report, workplace, budget)
    job = _planned(job, run, report, workplace, budget)
    board = search(job, run, report, workplace, budget.search_is_over)
    more = "budget" if budget.search_is_over() else "search.trials"
    if not board:
        print(f"{budget.text()}: no trial has a score yet", flush=True)
        return
    print(leaderboard_table(board), flush=True)
    scored = sum(each.mean is not None for each in board)
    for members in sorted({1, min(job.finalize.wanted(scored), scored)}):
        few = job.finalize.model_copy(update={"members": members})
        specs = member_specs(job.model_copy(update={"finalize": few}), run, report)
        # A search that began under an earlier, longer plan may have longer trials.
        epochs = budget.plan.epochs
        specs = [shortened(spec, epochs) if epochs else spec for spec in specs]
        _round(job, run, report, workplace, specs)
    print(f"{budget.text()}: done; a larger {more} would let the search go on", flush=True)


def _quick_member(
    job: JobSpec, run: RunDir, report: DataReport, workplace: Workplace, budget: Budget
) -> None:
    """Train the default trial as an ensemble of one, as long as a tenth of the budget allows."""
    alone = job.finalize.model_copy(update={"members": 1, "workers": 1})
    job = job.model_copy(update={"finalize": alone})
    epochs = budget.plan.quick_epochs
    if epochs is None:
        costs, most = _costs(job, run, report, workplace, [job.trial])
        used_s = budget.used_s
        epochs = quick_epochs(costs, used_s, budget.total_s, most) if costs else 1
        budget.note(budget.plan.model_copy(update={"quick_epochs": epochs}))
        text = f"{budget.text()}; the quick member trains {epochs} of {most} epochs"
        print(text, flush=True)
        tenth_s = QUICK * budget.total_s
        if costs and used_s + costs.shipped_s(1, epochs) > tenth_s:
            late = duration_text(used_s + costs.shipped_s(1, epochs))
            print(
                f"budget: the first CSV stands after about {late}, later than a tenth of it; give "
                "more time, or a smaller trial",
                flush=True,
            )
    _round(job, run, report, workplace, [shortened(job.trial, epochs)])


def _planned(
    job: JobSpec, run: RunDir, report: DataReport, workplace: Workplace, budget: Budget
) -> JobSpec:
    """Return the job with trials short enough for the budget; the end of the search is stored."""
    plan = budget.plan
    if plan.epochs is None:
        space, search_spec = job.search.space, job.search
        drawn = sample_trials(space, job.trial, search_spec.trials, search_spec.seed)
        specs = list({spec.model: spec for spec in (*drawn[:PROBED], job.trial)}.values())
        costs, most = _costs(job, run, report, workplace, specs[:PROBED])
        epochs, until_s = most, budget.used_s + budget.left_s / 2
        if costs:
            members = job.finalize.wanted(len(drawn))
            used_s = budget.used_s
            epochs, until_s = search_share(costs, used_s, budget.total_s, most, members)
        plan = Plan(quick_epochs=plan.quick_epochs, epochs=epochs, search_until_s=until_s)
        budget.note(plan)
    assert plan.epochs is not None
    assert plan.search_until_s is not None
    print(
        f"{budget.text()}; search until {duration_text(plan.search_until_s)}, trials, folds and "
        f"members of at most {plan.epochs} epochs",
        flush=True,
    )
    ships = job.finalize
    if ships.epochs is not None:
        ships = ships.model_copy(update={"epochs": min(ships.epochs, plan.epochs)})
    trial = shortened(job.trial, plan.epochs)
    return job.model_copy(update={"trial": trial, "finalize": ships})


def _costs(
    job: JobSpec, run: RunDir, report: DataReport, workplace: Workplace, specs: list[TrialSpec]
) -> tuple[Costs | None, int]:
    """Return the costs of the slowest spec (None if not timed), and the epochs of the longest."""
    folds = load_or_make_folds(run.folds, report, job.folds)
    tasks = [fold_tasks(job, run, report, folds, spec)[0] for spec in specs]
    make_trainable(tasks, report, run)
    most = max(task.spec.last_epoch for task in tasks)
    timed = probe(tasks, run, workplace)
    if not timed:
        return None, most
    costs = Costs(
        epoch_s=max(cost.epoch_s for cost in timed.values()),
        images=len(report.labelled),
        tests=len(report.ids("test")),
        places=max(1, min(workplace.backend.places().values())),
        folds=len(folds.val_ids),
        workers=most_workers(job.finalize.workers),
    )
    return costs, most


def _round(
    job: JobSpec, run: RunDir, report: DataReport, workplace: Workplace, specs: list[TrialSpec]
) -> None:
    """Score these configurations' ensemble out of fold; if it is better, make it current."""
    folds = load_or_make_folds(run.folds, report, job.folds)
    joined = [each.fingerprint for each in read_joined(run).values()]
    asked = [spec.model_dump(mode="json") for spec in specs]
    built = built_beside(run, fingerprint(asked, folds.hash, joined, job.finalize.workers))
    before = standing(run)
    known = {candidate.shelf for candidate in read_candidates(run.candidates)}
    if built.shelf in known or stands(run, built):
        return
    cv(job, run, report, workplace, specs)
    ours = oof_evidence(job, run, report, specs)
    sizes = tuple(map(len, folds.val_ids))
    now = score(ours.metric, ours.evidence)
    nested = None if before is None else nested_score(ours, before, sizes)
    earlier = None if before is None else score(before.metric, before.evidence)
    kept = nested is None or earlier is None or min(nested, now) > earlier
    print(_verdict(specs, now, earlier, nested, kept), flush=True)
    if kept:
        print(score_text(finalize(job, built, report, workplace, specs)), flush=True)
        predict(built, report, workplace)
        encode(job, built, report)
        take_place(run, built)
        print(f"standing: {run.submission}", flush=True)
    candidate = Candidate(
        shelf=built.shelf,
        members=tuple(map(fingerprint, asked)),
        score=now,
        before=earlier,
        nested=nested,
        kept=kept,
    )
    append_candidate(run.candidates, candidate)


def _verdict(
    specs: list[TrialSpec],
    now: float,
    earlier: float | None,
    nested: float | None,
    kept: bool,
) -> str:
    names = " + ".join(spec.label for spec in specs)
    text = f"candidate {names}: out of fold {now:.4f}"
    if earlier is None or nested is None:
        return f"{text}, the first"
    end = "it takes its place" if kept else "which stays"
    return f"{text}, nested {nested:.4f}; standing {earlier:.4f}: {end}"
