"""Samplers: choose the next trial from the drawn trials and their results.

A sampler depends only on its seed and the past trials, and has no other state. So a killed search
continues like an uninterrupted one.
"""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from typing import Any

from raytrain.config.search import GridSpec, RandomSpec, SearchSpec, TpeSpec
from raytrain.config.space import Given, Number, resolve, with_values
from raytrain.config.space_draws import grid_trials, sample_trials
from raytrain.config.space_points import points_of
from raytrain.config.trial import TrialSpec
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.record import Status

REDRAWS = 30
"""Number of further attempts when a drawn point is a duplicate."""


@dataclass(frozen=True)
class Known:
    """A drawn configuration and its results so far."""

    spec: TrialSpec
    status: Status | None
    """The status of the trial; None while it has not ended."""
    score: float | None
    """The best validation score."""
    epochs: int
    """Number of epochs that the trial has completed."""


Ask = Callable[[], Sequence[Known]]
"""Function that returns the trials of this search in the order in which they were drawn, read from
disk."""
Sampler = Callable[[Container[str], Ask], TrialSpec | None]
"""Function that returns the next spec, given the keys of this search's configurations and a
function that returns its trials; None when the space holds no other spec."""


def key_of(spec: TrialSpec) -> str:
    """Return a key that is equal for equal specs."""
    return spec.model_dump_json()


def build_sampler(search: SearchSpec, base: TrialSpec, earlier: Sequence[Known]) -> Sampler:
    """Return the sampler of a search; `earlier` are the trials of earlier searches."""
    match search.sampler:
        case RandomSpec():
            return _listed(sample_trials(search.space, base, search.trials, search.seed))
        case GridSpec():
            return _listed(grid_trials(search.space, base, search.trials, search.seed))
        case TpeSpec(startup=startup):

            def sampler(taken: Container[str], ask: Ask) -> TrialSpec | None:
                drawn = ask()
                return _tpe(search, base, startup, taken, drawn, earlier)

            return sampler


def _listed(specs: list[TrialSpec]) -> Sampler:
    """Return a sampler that goes through `specs`, and skips specs that were already drawn."""
    left = iter(specs)

    def sampler(taken: Container[str], ask: Ask) -> TrialSpec | None:
        del ask
        return next((spec for spec in left if key_of(spec) not in taken), None)

    return sampler


def _tpe(
    search: SearchSpec,
    base: TrialSpec,
    startup: int,
    taken: Container[str],
    drawn: Sequence[Known],
    earlier: Sequence[Known],
) -> TrialSpec | None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    frozen = [_frozen(search.space, known) for known in (*earlier, *drawn)]
    for redraw in range(REDRAWS):
        seed = int(fingerprint(search.seed, len(drawn), redraw), 16) % 2**32
        tpe = optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup)
        study = optuna.create_study(direction="maximize", sampler=tpe)
        study.add_trials([trial for trial in frozen if trial is not None])
        spec = _valid(base, resolve(search.space, _Asked(study.ask())))
        if spec is not None and key_of(spec) not in taken:
            return spec
    return None


def _valid(base: TrialSpec, values: dict[str, Any]) -> TrialSpec | None:
    """Return the trial with these values, or None if the values cannot be combined. Large spaces
    are not checked before the draw."""
    try:
        return with_values(base, values)
    except ValueError:
        return None


def _frozen(space: dict[str, Any], known: Known) -> Any:
    """Return the trial in Optuna's form; None if Optuna can learn nothing from it, because it
    failed or lies outside the space."""
    import optuna

    point = next(points_of(space, known.spec), None)
    if point is None or known.status == "failed":
        return None
    noted = _Noted(point)
    resolve(space, noted)
    of_trial: dict[str, Any] = {"params": dict(point), "distributions": noted.distributions}
    states = optuna.trial.TrialState
    if known.status is None or known.score is None:
        return optuna.trial.create_trial(state=states.RUNNING, **of_trial)
    if known.status in ("stopped", "paused"):
        # Optuna ranks stopped trials below all others, and among them the later ones higher.
        reached = {known.epochs: known.score}
        return optuna.trial.create_trial(
            state=states.PRUNED, value=known.score, intermediate_values=reached, **of_trial
        )
    return optuna.trial.create_trial(value=known.score, **of_trial)


@dataclass(frozen=True)
class _Asked:
    """Chooses the values that an Optuna trial suggests."""

    trial: Any

    def index(self, key: str, count: int) -> int:
        return int(self.trial.suggest_categorical(key, list(range(count))))

    def number(self, key: str, kind: str, low: Number, high: Number) -> Number:
        if kind == "integer":
            return int(self.trial.suggest_int(key, int(low), int(high)))
        return float(self.trial.suggest_float(key, low, high, log=kind == "loguniform"))


@dataclass
class _Noted(Given):
    """Chooses the values of a point, and records the distribution of each key."""

    point: dict[str, Number]
    distributions: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(self.point)

    def index(self, key: str, count: int) -> int:
        from optuna.distributions import CategoricalDistribution

        self.distributions[key] = CategoricalDistribution(list(range(count)))
        return super().index(key, count)

    def number(self, key: str, kind: str, low: Number, high: Number) -> Number:
        from optuna.distributions import FloatDistribution, IntDistribution

        self.distributions[key] = (
            IntDistribution(int(low), int(high))
            if kind == "integer"
            else FloatDistribution(low, high, log=kind == "loguniform")
        )
        return super().number(key, kind, low, high)
