"""`demo`: the whole pipeline on a synthetic competition, evaluated on hidden test masks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from raytrain.config.job import JobSpec
from raytrain.config.metrics import DiceMetricSpec
from raytrain.data.decode import decode_mask
from raytrain.data.phantom import PhantomSplit, write_phantom
from raytrain.metrics import gathered, score
from raytrain.metrics.dice import foreground_dice, mean_foreground_dice, overlap_counts
from raytrain.metrics.evidence import Evidence
from raytrain.pipeline.run import run
from raytrain.report.terminal import leaderboard_table
from raytrain.runs.ensemble import read_ensemble
from raytrain.runs.layout import RunDir
from raytrain.runs.messages import counted, say
from raytrain.search.configurations import configurations
from raytrain.search.leaderboard import ranked

DICE = 0.80
TRIALS = 8
RANKS = 2
SEED = 0


@dataclass(frozen=True)
class Demo:
    """The results of the demo."""

    dice: float
    """Dice on the test images, against their true masks."""
    trials: int
    stopped: int
    """Number of trials that were stopped at a rung."""
    ranks: list[int]
    """Number of workers of each final network."""
    shortfalls: list[str]
    """What is below its target: the test Dice, or the number of trials, of early stops or of
    workers of a final member."""


def demo(job: JobSpec, directory: RunDir) -> Demo:
    """Write the synthetic competition, run the pipeline on it, print the results and return
    them."""
    folder = Path(job.competition.data).absolute()
    truth = folder.with_name(f"{folder.name}-test-masks")
    write_phantom(folder, truth, PhantomSplit(), SEED)
    run(job, directory, "ray")
    records = ranked(directory)
    counts_NK3 = _test_counts(directory, truth, len(job.competition.classes))
    dice = mean_foreground_dice(counts_NK3)
    per_class = ", ".join(
        f"{name} {value:.3f}"
        for name, value in zip(
            job.competition.classes[1:], foreground_dice(counts_NK3), strict=True
        )
    )
    stopped = sum(record.status == "stopped" for record in records)
    members = read_ensemble(directory).members
    ranks = [network.ranks for member, _, _ in members for network in member.networks]
    say(f"\n{leaderboard_table(configurations(records))}")
    trials = counted(len(records), "trial")
    say(f"{trials}, {stopped} stopped at a rung; final members on {ranks} workers")
    say(f"true Dice on the {len(counts_NK3)} test images: {dice:.4f} ({per_class})")
    metric = job.competition.metric
    if metric != DiceMetricSpec() and not gathered(metric):
        say(f"true {metric.label} on the test images: {score(metric, Evidence(counts_NK3)):.4f}")
    for path in (directory.leaderboard, directory.ensemble, directory.submission, directory.report):
        say(f"written: {path}")
    shortfalls = [
        *([f"the test Dice {dice:.4f} is below {DICE}"] if dice < DICE else []),
        *([f"only {len(records)} of {TRIALS} trials ran"] if len(records) < TRIALS else []),
        *(["no trial was stopped at a rung"] if not stopped else []),
        *(
            [f"final members had {ranks} workers, not {RANKS}"]
            if any(n != RANKS for n in ranks)
            else []
        ),
    ]
    return Demo(dice, len(records), stopped, ranks, shortfalls)


def _test_counts(directory: RunDir, truth: Path, classes: int) -> np.ndarray:
    paths = sorted(truth.glob("*_mask.png"))
    pairs = [(directory.masks / path.name.replace("_mask.png", ".png"), path) for path in paths]
    pred_NHW, true_NHW = (
        torch.from_numpy(np.stack([decode_mask(path) for path in side]).astype(np.int64))
        for side in zip(*pairs, strict=True)
    )
    return overlap_counts(pred_NHW, true_NHW, classes, "single_label").numpy()
