"""docs/pairs.md and compiling.txt are what their programs write today."""

import pytest

from raytrain.config.models import ModelSpec
from tests.model_cases import label
from tests.zoo.compiling import SPECS, TABLE, row
from tests.zoo.pairs import DECODERS, ENCODERS, PAGE, page, pair_problem


def test_every_pair() -> None:
    pairs = [(decoder, encoder) for encoder in ENCODERS for decoder in DECODERS]
    found = page({pair: pair_problem(*pair) for pair in pairs})
    assert found == PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("spec", SPECS, ids=label)
def test_compiling_and_exporting(spec: ModelSpec) -> None:
    assert row(spec) in TABLE.read_text(encoding="utf-8").splitlines()
