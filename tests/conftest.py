"""Fixtures of every suite."""

import os

import pytest

from raytrain.engine.trial import Samples
from tests.tiny import draw_samples

# Nothing that a test imports may call home (onnxruntime would).
os.environ["ORT_DISABLE_TELEMETRY"] = "1"


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """A tiny data set, decoded into a cache of its own."""
    root = tmp_path_factory.mktemp("samples")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAYTRAIN_CACHE", str(root / "cache"))
        return draw_samples(root)
