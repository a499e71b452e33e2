"""A storage that fails ends in a message with its path and a way out, never in a traceback."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from raytrain.cli import app
from raytrain.data.cache import open_cache
from raytrain.data.checks import inspect
from raytrain.runs.arrays import new_array
from raytrain.runs.files import REMEDIES, append_line, storage_text, write_json
from raytrain.runs.maps import write_maps
from tests.unit.conftest import CLASSES, Competition


def _full(*words: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _check(competition: Competition, storage: Path, run: str = "default") -> tuple[int, str]:
    competition.fill(train=2, val=2, test=1)
    job = {
        "competition": {"name": "tiny", "data": str(competition.root), "classes": list(CLASSES)},
        "folds": {"count": 2}, "storage": str(storage), "run": run,
    }  # fmt: skip
    path = competition.root.parent / "job.yaml"
    path.write_text(yaml.safe_dump(job))
    done = CliRunner().invoke(app, ["check", str(path)])
    assert not isinstance(done.exception, OSError)
    return done.exit_code, done.stderr


def test_a_storage_below_a_file(competition: Competition, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    code, text = _check(competition, tmp_path / "file" / "runs")
    assert code == 1
    assert text.startswith(f"raytrain: {tmp_path / 'file'}")
    assert "there is a file where a folder is needed; move it" in text


def test_a_name_that_is_too_long(competition: Competition, tmp_path: Path) -> None:
    code, text = _check(competition, tmp_path / (256 * "r"))
    assert code == 1
    assert "File name too long; give a shorter name or path" in text
    # What the file system takes, raytrain takes.
    write_json(tmp_path / f"{250 * 'n'}.json", 1)


def test_a_full_disk_while_a_file_is_written(
    competition: Competition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", _full)
    code, text = _check(competition, tmp_path / "runs")
    assert code == 1
    assert text.startswith(f"raytrain: {tmp_path / 'runs'}")
    assert "No space left on device; free some space there" in text
    with pytest.raises(OSError, match="No space") as error:
        append_line(tmp_path / "lines", "one")
    assert error.value.filename == str(tmp_path / "lines")


def test_a_cache_that_is_full_leaves_nothing_half_built(
    competition: Competition, cache_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    competition.fill(train=2, val=1, test=1)
    report = inspect(competition.spec("(N+1)//2"))

    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", _full)
        with pytest.raises(OSError, match="No space left") as error:
            open_cache(report)
        assert str(error.value.filename).startswith(str(cache_root))
        with pytest.raises(OSError, match="No space left"):
            write_maps(cache_root / "maps.npy", [], [(1, 2, 2)])
    assert [path.name for path in cache_root.iterdir()] == [f"{report.fingerprint}.lock"]
    assert len(open_cache(report).height) == 8


@pytest.mark.parametrize("size", [0, 7])
def test_the_space_of_a_mapped_array_is_reserved(size: int, tmp_path: Path) -> None:
    path = tmp_path / "array.npy"
    array = new_array(path, "uint16", size)
    assert path.stat().st_blocks * 512 >= 2 * size
    array[:] = np.arange(size)
    array.flush()
    assert np.load(path).tolist() == list(range(size))


@pytest.mark.parametrize("number", REMEDIES)
def test_every_error_of_the_system_has_a_remedy(number: int) -> None:
    text = storage_text(OSError(number, os.strerror(number), "/some/where"))
    assert text == f"/some/where: {os.strerror(number)}; {REMEDIES[number]}"


def test_a_storage_that_is_away_is_said() -> None:
    text = storage_text(OSError("When reading information for key: curlCode: 7"))
    assert text.startswith("When reading information for key: curlCode: 7; check that the storage")
