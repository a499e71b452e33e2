"""The windows that a worker trains on in each step, determined by (seed, epoch)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Sampler

from raytrain.config.trial import TrialSpec
from raytrain.data.mixing import MixPlan

_MIXED = 1
"""A number that gives the draws of mixing another random state than those of the order."""


@dataclass(frozen=True)
class BatchPlan:
    """One worker's share of one step."""

    epoch: int
    windows: np.ndarray
    """Indices of the windows, at least one."""
    counted: int
    """Number of windows that count. It is 0 for a worker that has no window in the last step."""
    global_size: int
    """Number of windows in this step over all workers."""
    mix: MixPlan | None = None


@dataclass(frozen=True)
class SoftWindows:
    """The windows of samples with soft labels."""

    is_soft_N: np.ndarray
    share: float
    """Share of the windows with soft labels in an epoch."""


def refuse_no_step(spec: TrialSpec, windows: int) -> None:
    """Raise ValueError when an epoch of this number of windows has no step."""
    if spec.drop_last and windows < spec.batch_size:
        raise ValueError(
            f"trial.drop_last: {windows} windows do not fill a batch of {spec.batch_size}; "
            "lower trial.batch_size, or set drop_last to false"
        )


class EpochPlan(Sampler[BatchPlan]):
    """The batches of one worker (`rank`) in one epoch. (seed, epoch) determines the order of all
    windows, and each step divides the next ones among the workers.

    Every window counts exactly once over all ranks, except as follows. `drop_last` leaves out the
    windows that do not fill a batch. In the last step a rank may get fewer windows
    than another, or one that does not count (every rank must take every step). With
    `positive_share` the epoch has the same length, but that share of its windows has foreground.
    The windows of each kind are cycled in random order, so some are repeated within the epoch, and
    some are left out. Windows with soft labels take the places of as many others, which are drawn
    anew in each epoch.
    """

    def __init__(
        self, spec: TrialSpec, foreground_N: np.ndarray, rank: int, world: int,
        soft: SoftWindows | None = None,
    ):  # fmt: skip
        """Set up the plan of worker `rank` of `world` workers. `foreground_N` says for each window
        whether it has foreground; without a positive share only its length matters. Copies come
        after the plain windows. Raises ValueError when a positive share is set and only one kind of
        window exists, when there is one labeled window beside soft ones, and when an epoch has no
        step."""
        self.spec, self.rank, self.world, self.epoch = spec, rank, world, 1
        is_soft_N = np.zeros(len(foreground_N), bool) if soft is None else soft.is_soft_N
        first = 0 if spec.originals else len(foreground_N) // (1 + spec.copies)
        self.labeled, self.soft = (
            first + np.flatnonzero(kind_N[first:]) for kind_N in (~is_soft_N, is_soft_N)
        )
        self.count = len(self.labeled)
        if soft is not None and self.count == 1:
            raise ValueError(
                "self_train: images with soft labels replace labeled windows of an epoch, but must "
                "leave one, and there is only one; give more labeled images, or set self_train to "
                "null"
            )
        wanted = 0 if soft is None else max(1, round(soft.share * self.count))
        self.drawn = min(wanted, self.count - 1)  # a labeled window stays
        of_labeled_N = foreground_N[self.labeled]
        self.kinds = [self.labeled[of_labeled_N], self.labeled[~of_labeled_N]]
        if spec.positive_share is not None and not all(map(len, self.kinds)):
            lacking = "with" if len(self.kinds[1]) else "without"
            raise ValueError(
                f"trial.positive_share: there are no windows {lacking} foreground; leave "
                "positive_share out"
            )
        refuse_no_step(spec, self.count)

    def __len__(self) -> int:
        return self._steps(self._windows())

    @property
    def steps(self) -> int:
        """Number of steps in each epoch except the last one, which may be shorter."""
        return self._steps(self.count)

    @property
    def total_steps(self) -> int:
        """Number of steps in all epochs."""
        return self.steps * (self.spec.epochs - 1) + self._steps(self._in_last())

    def _steps(self, windows: int) -> int:
        """Return the number of steps for this number of windows. A last batch that is not full is
        a step too, unless `drop_last` leaves it out."""
        if self.spec.drop_last:
            return windows // self.spec.batch_size
        return -(-windows // self.spec.batch_size)

    def _windows(self) -> int:
        """Return the number of windows in this epoch."""
        return self._in_last() if self.epoch == self.spec.epochs else self.count

    def _in_last(self) -> int:
        fewest = self.spec.batch_size if self.spec.drop_last else 1
        return max(fewest, round(self.spec.last_epoch_share * self.count))

    def __iter__(self) -> Iterator[BatchPlan]:
        order, size = self._order()[: self._windows()], self.spec.batch_size
        for number in range(len(self)):
            step = order[number * size : (number + 1) * size]
            # A rank without a window takes the first one, which does not count there.
            places = np.arange(len(step))[self.rank :: self.world]
            counted, places = len(places), places if len(places) else np.zeros(1, np.int64)
            mix = self._mix(number, step, places)
            yield BatchPlan(self.epoch, step[places], counted, len(step), mix)

    def _order(self) -> np.ndarray:
        rng = np.random.default_rng([self.spec.seed, self.epoch])
        count = self.count - self.drawn
        if self.spec.positive_share is None:
            order = rng.permutation(self.labeled)[:count]
        else:
            positives = round(self.spec.positive_share * count)
            counts = (positives, count - positives)
            drawn = [_cycled(rng, *pair) for pair in zip(self.kinds, counts, strict=True)]
            order = rng.permutation(np.concatenate(drawn))
        if not self.drawn:
            return order
        return rng.permutation(np.concatenate([order, _cycled(rng, self.soft, self.drawn)]))

    def _mix(self, number: int, step: np.ndarray, places: np.ndarray) -> MixPlan | None:
        """Draw the mix of the whole step, so that it does not depend on the number of workers.
        Return None for a step that is not mixed."""
        mix = self.spec.mix
        if mix is None:
            return None
        rng = np.random.default_rng([self.spec.seed, self.epoch, _MIXED, number])
        if rng.random() >= mix.p:
            return None
        share, center = float(rng.beta(mix.alpha, mix.alpha)), rng.random(2)
        partners = rng.permutation(step)[places]
        return MixPlan(mix, partners, share, (float(center[0]), float(center[1])))


def _cycled(rng: np.random.Generator, windows: np.ndarray, count: int) -> np.ndarray:
    """Return `count` of these windows in random order. Some occur once more often than the
    others."""
    if not count:
        return windows[:0]
    rounds = [rng.permutation(windows) for _ in range(-(-count // len(windows)))]
    return np.concatenate(rounds)[:count]
