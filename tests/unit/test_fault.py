"""Problems remember their place, whatever signs it holds."""

import pickle
from pathlib import Path

from raytrain.cli.answer import problem_of
from raytrain.config.codes import CodedError
from raytrain.config.errors import shortened
from raytrain.config.fault import Fault
from tests.support import write_job
from tests.unit.test_answers import answered


def test_a_place_may_hold_spaces_and_colons(tmp_path: Path) -> None:
    """Where a problem knows its place, nobody looks for it in the line."""
    root = tmp_path / "lab 1: mice"
    job = write_job(root, tmp_path / "runs")
    image, *_ = sorted((root / "data" / "train" / "image").glob("*.png"))
    image.write_bytes(image.read_bytes()[:50])
    tree, _ = answered("check", job)
    [problem] = tree["problems"]
    assert problem["path"] == str(image)
    assert problem["problem"].startswith("unreadable")
    key = Fault("trial.a b", "unknown 'x: y'; did you mean 'z'?")
    assert str(key) == "trial.a b: unknown 'x: y'; did you mean 'z'?"
    for each in (key, pickle.loads(pickle.dumps(key))):
        found = problem_of("config", each)
        assert (found.path, found.problem) == ("trial.a b", "unknown 'x: y'")
        assert found.remedy == "did you mean 'z'?"
    assert shortened([Fault("a: b", "lost"), Fault("c: d", "lost")]) == ["a: b, c: d: lost"]
    error = pickle.loads(pickle.dumps(CodedError("config", "text", [key])))
    assert error.problems[0].place == "trial.a b"
