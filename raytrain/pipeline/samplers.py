"""Samplers: which trial comes next, given what was drawn and what is known of it.

Each is a function of its seed and the past alone and keeps nothing, so a search that was killed
goes on as it would have.
"""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from typing import Any

from raytrain.config.search import GridSpec, RandomSpec, SearchSpec, TpeSpec
from raytrain.config.space import Given, Number, grid_trials, resolve, sample_trials, with_values
from raytrain.config.space_points import points_of
from raytrain.config.trial import TrialSpec
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.record import Status

REDRAWS = 30
"""So often another point is asked for when one has been drawn before."""


@dataclass(frozen=True)
class Known:
    """A trial that was drawn and what came of it so far."""

    spec: TrialSpec
    status: Status | None
    """None while it has not ended."""
    score: float | None
    """The best validation score."""
    epochs: int
    """Done."""


Ask = Callable[[], Sequence[Known]]
"""This search's trials in the order drawn; they are read from disk."""
Sampler = Callable[[Container[str], Ask], TrialSpec | None]
"""From the keys of this search's configurations, and the trials, to the next; None when the space
holds no other."""


def key_of(spec: TrialSpec) -> str:
    """Equal for equal specs."""
    return spec.model_dump_json()


def build_sampler(search: SearchSpec, base: TrialSpec, earlier: Sequence[Known]) -> Sampler:
    """The sampler that a search asks for; `earlier` are an earlier search's trials."""
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
    """One after another, but what was drawn before or a warm start has brought already."""
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
    """None for what does not go together in a space too large to be tried as a whole."""
    try:
        return with_values(base, values)
    except ValueError:
        return None


def _frozen(space: dict[str, Any], known: Known) -> Any:
    """The trial as Optuna has it; None for one that says nothing: failed, or not in the space."""
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
        # Optuna ranks what was stopped below what was not, the later the better.
        reached = {known.epochs: known.score}
        return optuna.trial.create_trial(
            state=states.PRUNED, value=known.score, intermediate_values=reached, **of_trial
        )
    return optuna.trial.create_trial(value=known.score, **of_trial)


@dataclass(frozen=True)
class _Asked:
    """Chooses as an Optuna trial suggests."""

    trial: Any

    def index(self, key: str, count: int) -> int:
        return int(self.trial.suggest_categorical(key, list(range(count))))

    def number(self, key: str, kind: str, low: Number, high: Number) -> Number:
        if kind == "integer":
            return int(self.trial.suggest_int(key, int(low), int(high)))
        return float(self.trial.suggest_float(key, low, high, log=kind == "loguniform"))


@dataclass
class _Noted(Given):
    """Chooses what a point says and notes the distribution of each key that is met."""

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
