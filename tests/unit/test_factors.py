"""What a search varies, and how much each factor matters."""

import numpy as np
import pytest

from raytrain.config.job import JobSpec
from raytrain.config.losses import CrossEntropySpec, DiceSpec
from raytrain.config.models import UNetSpec
from raytrain.config.optimizers import AdamSpec
from raytrain.config.trial import TrialSpec
from raytrain.search.factors import FEWEST, factors, importances
from tests.runs import JOB


def spec(width: int, lr: float, *loss: object) -> TrialSpec:
    return TrialSpec(
        model=UNetSpec(width=width), optimizer=AdamSpec(lr=lr), loss=loss or (CrossEntropySpec(),)
    )


def test_factors_are_the_paths_of_the_space_that_differ() -> None:
    space = {
        "model": {"grid": [{"name": "unet", "width": 8}, {"name": "unet", "width": 16}]},
        "loss": {"grid": [[{"name": "cross_entropy"}]]},
        "optimizer.lr": {"loguniform": [1e-4, 1e-1]},
    }
    tree = JOB.model_dump(mode="json")
    job = JobSpec.model_validate(tree | {"search": tree["search"] | {"space": space}})
    specs = [spec(8, 1e-3), spec(16, 1e-2)]
    assert factors(job, specs) == {"model": ["unet8x4", "unet16x4"], "optimizer.lr": [1e-3, 1e-2]}
    # Without the job, the three usual ones.
    other = [spec(8, 1e-3), spec(8, 1e-3, CrossEntropySpec(), DiceSpec())]
    assert factors(None, other) == {"loss": ["cross_entropy", "cross_entropy+dice"]}


def test_importances_are_shares_of_the_variance() -> None:
    rng = np.random.default_rng(1)
    a, b, c = rng.uniform(0, 1, (3, 400))
    kinds = rng.choice(["p", "q"], 400)
    # Variances: a 4/12, b 1/12, kind 1/4 of 0.8² = 0.16, c none.
    scores = 2 * a + b + 0.8 * (kinds == "q")
    values = {"c": c.tolist(), "b": b.tolist(), "a": a.tolist(), "kind": kinds.tolist()}
    total = 4 / 12 + 1 / 12 + 0.16
    found = importances(values, scores.tolist())
    assert list(found)[:2] == ["a", "kind"]
    expected = {"a": 4 / 12 / total, "b": 1 / 12 / total, "kind": 0.16 / total, "c": 0.0}
    for name, share in expected.items():
        assert found[name] == pytest.approx(share, abs=0.08), name
    assert found == importances(values, scores.tolist())


def test_what_only_matters_together_matters_alone_to_none() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.choice([-1.0, 1.0], (2, 400))
    found = importances({"a": a.tolist(), "b": b.tolist()}, (a * b).tolist())
    assert max(found.values()) < 0.05


def test_too_few_or_equal_scores_give_none() -> None:
    values = {"a": [float(n) for n in range(FEWEST)]}
    assert importances(values, [0.5] * FEWEST) == {}
    assert importances({"a": values["a"][1:]}, values["a"][1:]) == {}
    assert importances({}, values["a"]) == {}
    assert importances(values, values["a"]).keys() == {"a"}
