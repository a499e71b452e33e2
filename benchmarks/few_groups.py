"""How often a choice without any effect is kept, by the number of groups that it changes:
`python -m benchmarks.few_groups`.

Of 100 groups, some score differently with the richer choice. Their differences are random with mean
0. `rule` is a higher mean and a win in 80 % of the draws of groups, which should be luck in 20 % of
the cases; `kept` adds the least number of groups.
"""

import numpy as np

from raytrain.ensemble.nested import SHARE, Scored, gain
from raytrain.metrics.bootstrap import group_draws

GROUPS, TRIALS = 100, 2000
CHANGED = (1, 2, 3, 4, 5, 6, 8, 10, 20, 100)
Random = np.random.Generator


def rare_losses(rng: Random, count: int) -> np.ndarray:
    """Four of five groups gain a little, the others lose four times as much."""
    return np.where(rng.random(count) < 0.2, -4.0, 1.0) * rng.uniform(0.5, 1.5, count)


EFFECTS = {
    "normal": lambda rng, count: rng.normal(size=count),
    "heavy tails (t, 2 degrees)": lambda rng, count: rng.standard_t(2, count),
    "few gains (exponential)": lambda rng, count: rng.exponential(size=count) - 1,
    "few losses (exponential)": lambda rng, count: 1 - rng.exponential(size=count),
    "rare losses": rare_losses,
}


def shares(changed: int, effect: str, times_DG: np.ndarray) -> tuple[float, float]:
    """Return how often the rule of draws holds, and how often the choice is kept."""
    rng = np.random.default_rng(1)
    zero = Scored(0.0, np.zeros(len(times_DG)), np.zeros(GROUPS))
    held = kept = 0
    for _ in range(TRIALS):
        score_G = np.zeros(GROUPS)
        score_G[:changed] = EFFECTS[effect](rng, changed)
        draws_D = times_DG[:, :changed] @ score_G[:changed] / GROUPS
        found = gain(Scored(float(score_G.mean()), draws_D, score_G), zero)
        held += found.mean > 0 and found.wins >= SHARE
        kept += found.is_kept
    return held / TRIALS, kept / TRIALS


def main() -> None:
    draws = group_draws(np.arange(GROUPS))
    times_DG = np.stack([np.bincount(rows, minlength=GROUPS) for rows in draws]).astype(float)
    for effect in EFFECTS:
        print(effect, flush=True)
        for changed in CHANGED:
            rule, kept = shares(changed, effect, times_DG)
            print(f"  {changed:3} of {GROUPS} groups: rule {rule:.1%}, kept {kept:.1%}", flush=True)


if __name__ == "__main__":
    main()
