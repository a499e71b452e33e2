"""The plan of a search, printed before it starts: places, hours and disk space."""

import shutil
from collections.abc import Sequence

from raytrain.config.duration import estimated
from raytrain.config.schedulers import MedianSpec, NoSchedulerSpec
from raytrain.config.search import SearchSpec
from raytrain.config.shipping import AverageBestSpec, BestSpec, candidates
from raytrain.config.trial import TrialSpec
from raytrain.engine.run import Run
from raytrain.runs.layout import RunDir
from raytrain.runs.messages import counted
from raytrain.runs.record import Task
from raytrain.search.timing import Cost, timed_costs

PROBED = 3
"""Largest number of different networks to time. The costs of other networks are assumed to be the
mean."""
GROUP_START_S = 40
"""Seconds from the start of a nested trial to its first step, on two cores."""
GB = 1e9


def plan_text(run: Run, samples: Sequence[Task], trials: int) -> str:
    """Return the plan of a search in which `trials` trials are left to run. `samples` are some of
    them, or similar trials."""
    search = run.job.search
    firsts = {task.spec.model: task for task in reversed(samples)}
    costs = list(timed_costs(list(firsts.values())[:PROBED], run).values())
    places = run.backend.places()
    at_once = min(max(1, min(places.values()) // search.workers), trials)
    room = ", ".join(f"{count} by {name}" for name, count in places.items())
    how = f"{at_once} at once (room for {room})"
    if [*places] == ["process"]:
        how = "one after another in this process"
    each = f" of {search.workers} workers each" if search.workers > 1 else ""
    lines = [f"plan: {counted(trials, 'trial')}{each}, {how}"]
    if costs:
        epochs = search.longest(samples[0].spec.epochs)
        lines += [_hours(costs, trials, epochs, at_once, search)]
        files = max(checkpoint_files(task.spec) for task in samples)
        lines += [_disk(run.folder, costs, files, trials, at_once, search)]
    return "\n".join(lines)


def expected_share(search: SearchSpec, epochs: int) -> float:
    """Return the expected share of all epochs that run, if each rung passes 1/factor of the
    trials."""
    scheduler = search.scheduler
    if isinstance(scheduler, MedianSpec | NoSchedulerSpec):
        return 1.0
    ends = [*scheduler.rungs(epochs), epochs]
    starts = [0, *ends[:-1]]
    legs = [end - start for start, end in zip(starts, ends, strict=True)]
    return sum(leg / scheduler.factor**passed for passed, leg in enumerate(legs)) / epochs


def checkpoint_files(spec: TrialSpec) -> int:
    """Return the largest number of checkpoints of a trial that are on disk at once."""
    every = spec.epochs // spec.keep.every if spec.keep.every else 0
    kinds = candidates(spec.ship)
    chosen = sum(
        kind.count if isinstance(kind, AverageBestSpec) else isinstance(kind, BestSpec)
        for kind in kinds
    )
    # In addition, the weights that are shipped, and one file that is being written.
    return spec.keep.last + spec.keep.best + every + chosen + len(kinds) + 1


def _hours(costs: list[Cost], trials: int, epochs: int, at_once: int, search: SearchSpec) -> str:
    epoch_s = sum(cost.epoch_s for cost in costs) / len(costs)
    start_s = GROUP_START_S if search.workers > 1 else 0
    rounds = trials / at_once
    train_s, starts_s = epoch_s / search.workers * epochs * rounds, start_s * rounds
    most = estimated("at most", train_s + starts_s)
    text = f"  time: {most} ({round(epoch_s, 2):g} s per epoch, timed on "
    text += f"{len(costs)} networks" if len(costs) > 1 else "1 network"
    text += f" with one worker; {start_s} s for each start)" if start_s else ")"
    share = expected_share(search, epochs)
    if share < 1:
        text += f", {estimated('about', train_s * share + starts_s)} with early stopping"
    return text


def _disk(
    run: RunDir, costs: list[Cost], files: int, trials: int, at_once: int, search: SearchSpec
) -> str:
    each = max(cost.checkpoint_bytes for cost in costs) * files
    holding = trials if search.scheduler.name == "promote" else min(trials, at_once + search.keep)
    run.path.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(run.path).free
    text = f"  disk: at most {_size(each * holding)} of checkpoints; {free / GB:.0f} GB are free"
    if each * holding > free:
        text += "; lower search.keep or search.trials, or choose another storage"
    return text


def _size(count: int) -> str:
    """Return bytes as a text such as `12 MB` or `1.25 GB`."""
    return f"{count / GB:.2f} GB" if count >= 0.1 * GB else f"{max(1, round(1000 * count / GB))} MB"
