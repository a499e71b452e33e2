"""How long members train, and what they ship: medians over the folds."""

from dataclasses import replace
from pathlib import Path

from raytrain.config.metrics import DiceMetricSpec
from raytrain.config.models import UNetSpec
from raytrain.config.shipping import (
    AverageBestSpec,
    BestSpec,
    BetterSpec,
    EarlyStopSpec,
    EpochsSpec,
    LastSpec,
    ShipSpec,
    SwaSpec,
)
from raytrain.config.trial import TrialSpec
from raytrain.ensemble.final_length import chosen_kind, final_spec
from raytrain.runs.files import write_json
from raytrain.runs.record import Task


def _fold(folder: Path, spec: TrialSpec, images: int, **kinds: tuple[float, list[int]]) -> Task:
    """A fold that shipped these kinds: score and epochs."""
    task = Task(
        name="t", station="cv", spec=spec, data="d", fold="f", train_ids=(),
        val_ids=tuple(map(str, range(images))), workers=1, cpus=1, loaders=0,
        metric=DiceMetricSpec(), directory=folder,
    )  # fmt: skip
    figures_of = {label: {"val_score": s, "epochs": e} for label, (s, e) in kinds.items()}
    write_json(task.trial_dir.shipped, {"kind": next(iter(kinds)), "kinds": figures_of})
    return task


def test_members_ship_the_medians_over_the_folds(tmp_path: Path) -> None:
    def member(ship: ShipSpec, *epochs: list[int], **parts: object) -> TrialSpec:
        spec = TrialSpec(epochs=60, ship=ship, model=UNetSpec(), **parts)
        folds = [
            _fold(tmp_path / ship.label / str(n), spec, 4, **{ship.label: (0.5, list(part))})
            for n, part in enumerate(epochs)
        ]
        return final_spec(folds)

    whole = member(LastSpec(), [60], [60], [60])
    assert (whole.ship, whole.until) == (LastSpec(), None)
    best = member(BestSpec(), [41], [12], [45], stop=EarlyStopSpec())
    assert (best.ship, best.until, best.epochs, best.stop) == (LastSpec(), 41, 60, None)
    mean = member(AverageBestSpec(count=3), [10, 20, 30], [12, 14, 40], [5, 22])
    # The last two of each: 20, 14, 5 and 30, 40, 22.
    assert (mean.ship, mean.until) == (EpochsSpec(at=(14, 30)), 30)
    early = member(SwaSpec(start=0.5), [31, 32], [31, 32, 33, 34], [31], stop=EarlyStopSpec())
    assert (early.ship, early.until) == (SwaSpec(start=0.5), 32)


def test_the_folds_decide_by_their_images_which_kind_is_better(tmp_path: Path) -> None:
    ship = BetterSpec(of=(LastSpec(), BestSpec(watch="val_loss")))
    spec = TrialSpec(epochs=60, ship=ship)
    folds = [
        _fold(tmp_path / "0", spec, 9, last=(0.80, [60]), best_val_loss=(0.81, [30])),
        _fold(tmp_path / "1", spec, 1, last=(0.85, [60]), best_val_loss=(0.80, [40])),
    ]
    assert chosen_kind(folds).label == "best_val_loss"
    assert (final_spec(folds).ship, final_spec(folds).until) == (LastSpec(), 40)
    even = [replace(fold, val_ids=("a",)) for fold in folds]
    assert chosen_kind(even).label == "last"
