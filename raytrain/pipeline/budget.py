"""A run with a budget: first a quick member, then the best ensemble that fits into the remaining
time.

Every round ends with the out-of-fold score of a candidate ensemble. The candidate replaces the
current ensemble only if two scores are higher than the current score: its own, and the nested score
of choosing between the two on each fold by the other folds. So whenever the run ends, `final/`
holds the best ensemble so far, complete and checked.
"""

from dataclasses import replace

from raytrain.backend.clock import Clock, Plan
from raytrain.config.duration import duration_text
from raytrain.config.job import most as most_workers
from raytrain.config.predict import VIEW_COUNTS
from raytrain.config.space_draws import sample_trials
from raytrain.config.trial import TrialSpec
from raytrain.engine.run import Run
from raytrain.engine.tasks import Recipe, fold_tasks
from raytrain.engine.trainable import make_trainable
from raytrain.ensemble.current_ensemble import (
    built_beside,
    current_evidence,
    is_current,
    make_current,
)
from raytrain.ensemble.score import nested_score
from raytrain.ensemble.select import select
from raytrain.ensemble.tta import tried_groups
from raytrain.metrics import score
from raytrain.pipeline.cv import candidate_recipes, cv
from raytrain.pipeline.encode import encode
from raytrain.pipeline.finalize import finalize
from raytrain.pipeline.predict import predict
from raytrain.pipeline.search import search
from raytrain.report.terminal import leaderboard_table, score_text
from raytrain.runs.files import append_line
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.joined import read_joined
from raytrain.runs.messages import say
from raytrain.runs.record import Task
from raytrain.runs.search_log import BudgetRound, read_rounds
from raytrain.search.budget_split import QUICK, Costs, quick_epochs, search_share
from raytrain.search.plan import PROBED
from raytrain.search.proposable import shortened
from raytrain.search.timing import timed_costs


def run_within(run: Run, clock: Clock) -> None:
    """Run a quick member, then the search, then an ensemble of the best configuration, then one of
    the best few."""
    if current_evidence(run.folder) is None:
        _quick_member(run, clock)
    run = _planned(run, clock)
    board = search(run, clock.search_is_over)
    more = "budget" if clock.search_is_over() else "search.trials"
    if not board:
        say(f"{clock.text()}: no trial has a score yet")
        return
    say(leaderboard_table(board))
    scored = sum(each.mean is not None for each in board)
    for count in sorted({1, min(run.job.candidates, scored)}):
        specs = [recipe.spec for recipe in candidate_recipes(run)[:count]]
        # A search that began under an earlier, longer plan may have longer trials.
        epochs = clock.plan.epochs
        specs = [shortened(spec, epochs) if epochs else spec for spec in specs]
        _round(run, specs)
    say(f"{clock.text()}: done; to continue the search, run again with a larger {more}")


def _with_finalize(run: Run, **changes: int) -> Run:
    """Return the run with other settings of `finalize`."""
    finalize = run.job.finalize.model_copy(update=changes)
    return replace(run, job=run.job.model_copy(update={"finalize": finalize}))


def _quick_member(run: Run, clock: Clock) -> None:
    """Train the default trial as an ensemble of one member, for as many epochs as a tenth of the
    budget allows."""
    run = _with_finalize(run, members=1, workers=1)
    trial, epochs = run.job.trial, clock.plan.quick_epochs
    if epochs is None:
        costs, most = _costs(run, [trial])
        used_s = clock.used_s
        epochs = quick_epochs(costs, used_s, clock.total_s, most) if costs else 1
        clock.note(clock.plan.model_copy(update={"quick_epochs": epochs}))
        say(f"{clock.text()}; the quick member trains {epochs} of {most} epochs")
        tenth_s = QUICK * clock.total_s
        if costs and used_s + costs.shipped_s(1, epochs) > tenth_s:
            late = duration_text(used_s + costs.shipped_s(1, epochs))
            say(
                f"budget: the first CSV will be written after about {late}, later than a tenth of "
                "the budget; give more time, or a smaller trial"
            )
    _round(run, [shortened(trial, epochs)])


def _planned(run: Run, clock: Clock) -> Run:
    """Return the run with trials that are short enough for the budget. The end of the search is
    stored in the plan."""
    job, plan = run.job, clock.plan
    if plan.epochs is None:
        space, search_spec = job.search.space, job.search
        drawn = sample_trials(space, job.trial, search_spec.trials, search_spec.seed)
        specs = list({spec.model: spec for spec in (*drawn[:PROBED], job.trial)}.values())
        costs, most = _costs(run, specs[:PROBED])
        epochs, until_s = most, clock.used_s + clock.left_s / 2
        if costs:
            members = min(job.candidates, len(drawn))
            epochs, until_s = search_share(costs, clock.used_s, clock.total_s, most, members)
        plan = Plan(quick_epochs=plan.quick_epochs, epochs=epochs, search_until_s=until_s)
        clock.note(plan)
    assert plan.epochs is not None
    assert plan.search_until_s is not None
    say(
        f"{clock.text()}; the search ends at {duration_text(plan.search_until_s)}; trials, folds "
        f"and members train at most {plan.epochs} epochs"
    )
    ships = job.finalize
    if ships.epochs is not None:
        ships = ships.model_copy(update={"epochs": min(ships.epochs, plan.epochs)})
    changes = {"trial": shortened(job.trial, plan.epochs), "finalize": ships}
    return replace(run, job=job.model_copy(update=changes))


def _costs(run: Run, specs: list[TrialSpec]) -> tuple[Costs | None, int]:
    """Return the costs of the slowest spec (None if it was not timed), and the epochs of the
    longest spec."""
    tasks = [fold_tasks(run, Recipe(spec))[0] for spec in specs]
    make_trainable(tasks, run)
    most = max(task.spec.last_epoch for task in tasks)
    timed = timed_costs(tasks, run)
    if not timed:
        return None, most
    costs = Costs(
        epoch_s=max(cost.epoch_s for cost in timed.values()),
        images=len(run.report.labeled),
        tests=len(run.report.ids("test")),
        places=max(1, min(run.backend.places().values())),
        folds=len(run.folds.val_ids),
        workers=most_workers(run.job.finalize.workers),
        passes=max(_passes(run, task) for task in tasks),
    )
    return costs, most


def _passes(run: Run, task: Task) -> int:
    return 1 + sum(VIEW_COUNTS[group] for group in tried_groups(run.job, task.spec, run.report))


def _round(run: Run, specs: list[TrialSpec]) -> None:
    """Score the ensemble of these configurations out of fold. If it is better, it becomes the
    current one."""
    folder, folds = run.folder, run.folds
    joined = [each.fingerprint for each in read_joined(folder).values()]
    asked = [spec.model_dump(mode="json") for spec in specs]
    settings = [each.model_dump(mode="json") for each in (run.job.finalize, run.job.predict)]
    built = built_beside(folder, fingerprint(asked, folds.hash, joined, settings))
    before = current_evidence(folder)
    known = {done.shelf for done in read_rounds(folder.candidates)}
    if built.shelf in known or is_current(folder, built):
        return
    recipes = [Recipe(spec) for spec in specs]
    cv(run, recipes)
    selection = select(run, recipes)
    ours = selection.evidence
    sizes = tuple(map(len, folds.val_ids))
    now = score(ours.metric, ours.evidence)
    nested = None if before is None else nested_score(ours, before, sizes)
    earlier = None if before is None else score(before.metric, before.evidence)
    kept = nested is None or earlier is None or min(nested, now) > earlier
    say(_verdict(specs, now, earlier, nested, kept))
    if kept:
        beside = replace(run, folder=built)
        say(score_text(finalize(beside, selection)))
        predict(beside)
        encode(beside)
        make_current(folder, built)
        say(f"CSV of the best ensemble so far: {folder.submission}")
    done = BudgetRound(
        shelf=built.shelf,
        members=tuple(map(fingerprint, asked)),
        score=now,
        before=earlier,
        nested=nested,
        kept=kept,
    )
    append_line(folder.candidates, done.model_dump_json())


def _verdict(
    specs: list[TrialSpec],
    now: float,
    earlier: float | None,
    nested: float | None,
    kept: bool,
) -> str:
    names = " + ".join(spec.label for spec in specs)
    text = f"candidate ensemble {names}: out-of-fold score {now:.4f}"
    if earlier is None or nested is None:
        return f"{text}, the first ensemble"
    end = "the candidate replaces it" if kept else "it is kept"
    return f"{text}, nested score {nested:.4f}; the current ensemble has {earlier:.4f}: {end}"
