"""What final picks by simulated draws come to, against other ways to choose two of six files.

A world is a competition: 100 labeled and 80 test images, two a patient, and six submissions, four
of one kind and two of a slightly worse kind that errs on other patients. Everybody sees the
out-of-fold scores and the public third; what counts is the better private score of the two.

    python -m benchmarks.picks
"""

from itertools import combinations

import numpy as np

from raytrain.config.metrics import DiceMetricSpec
from raytrain.metrics import score
from raytrain.metrics.evidence import Evidence
from raytrain.submission.final_picks import best_pairs, simulate

WORLDS = 100
LABELLED, TEST, PUBLIC = 50, 40, 0.3
KINDS = np.array([0, 0, 0, 0, 1, 1])
DICE = DiceMetricSpec()


def submissions(rng: np.random.Generator, patients: int, level_M: np.ndarray) -> list[Evidence]:
    """Evidence of every submission on two images of each patient, of 1000 true pixels each."""
    hard_P = rng.normal(0, 0.8, patients)
    kind_2P = rng.normal(0, 0.8, (2, patients))
    found = []
    for kind, level in zip(KINDS, level_M, strict=True):
        own_P = rng.normal(0, 0.3, patients)
        logit_N = np.repeat(level + hard_P + kind_2P[kind] + own_P, 2)
        hit_N = rng.binomial(1000, 1 / (1 + np.exp(-logit_N)))
        counts_N23 = np.zeros((2 * patients, 2, 3), np.int64)
        counts_N23[:, 1] = np.stack([hit_N, np.zeros_like(hit_N), 1000 - hit_N], -1)
        found.append(Evidence(counts_N23))
    return found


def private_scores(seed: int) -> dict[str, float]:
    """The better private score of the pair that each way chooses, in one world."""
    rng = np.random.default_rng(seed)
    level_M = np.array([2.0, 2.0, 2.0, 2.0, 1.95, 1.95]) + rng.normal(0, 0.05, 6)
    labeled, test = (submissions(rng, patients, level_M) for patients in (LABELLED, TEST))
    split = 2 * round(PUBLIC * TEST)
    oof_M = np.array([score(DICE, each) for each in labeled])
    public_M, private_M = (
        np.array([score(DICE, each.of(rows)) for each in test])
        for rows in (np.arange(split), np.arange(split, 2 * TEST))
    )
    groups = np.repeat(np.arange(LABELLED), 2)
    draws = simulate(labeled, groups, DICE, 2 * TEST, PUBLIC)
    chosen = {
        "simulated draws": best_pairs(draws.private_DM, 1)[0].places,
        "two best out of fold": tuple(np.argsort(-oof_M)[:2]),
        "two best public": tuple(np.argsort(-public_M)[:2]),
        "best out of fold, best public": (oof_M.argmax(), public_M.argmax()),
    }
    found = {way: float(private_M[list(places)].max()) for way, places in chosen.items()}
    every = [private_M[list(pair)].max() for pair in combinations(range(6), 2)]
    return found | {"any two": float(np.mean(every)), "the best there was": float(private_M.max())}


def main() -> None:
    """Print each way's mean, and what it loses against the simulated draws."""
    worlds = [private_scores(seed) for seed in range(WORLDS)]
    ours_W = np.array([world["simulated draws"] for world in worlds])
    for way in worlds[0]:
        theirs_W = np.array([world[way] for world in worlds])
        less_W = ours_W - theirs_W
        error = less_W.std() / np.sqrt(WORLDS)
        print(f"{way:30} {theirs_W.mean():.4f}  less by {less_W.mean():+.4f} +- {error:.4f}")


if __name__ == "__main__":
    main()
