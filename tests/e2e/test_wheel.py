"""The wheel, installed into a folder of its own, has everything that a newcomer needs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = ("pyproject.toml", "README.md", "LICENSE")


@pytest.mark.slow
def test_the_wheel_checks_its_own_example(tmp_path: Path) -> None:
    source, site, work = (tmp_path / name for name in ("source", "site", "work"))
    for folder in ("raytrain", "jobs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, source / folder, symlinks=True, ignore=ignored)
    for name in NEEDED:
        shutil.copy(ROOT / name, source / name)
    work.mkdir()
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    _python(["-m", "pip", "install", *options, "--target", str(site), str(source)], work, {})
    env = {"PYTHONPATH": str(site)}
    where = _python(["-c", "import raytrain; print(raytrain.__file__)"], work, env)
    assert Path(where.strip()) == site / "raytrain" / "__init__.py"
    job = site / "raytrain" / "jobs" / "phantom.yaml"
    draw = (
        "from pathlib import Path; from raytrain.data.phantom import PhantomSplit, write_phantom; "
        "write_phantom(Path('data/phantom'), Path('data/truth'), PhantomSplit(), 0)"
    )
    _python(["-c", draw], work, env)
    said = _python(["-m", "raytrain", "check", str(job)], work, env)
    assert "contact_sheet.png" in said
    assert list((site / "raytrain" / "jobs" / "studies").glob("*.yaml"))


def _python(words: list[str], work: Path, env: dict[str, str]) -> str:
    """Run Python in the folder `work` and return its output."""
    done = subprocess.run(
        [sys.executable, *words], cwd=work, env={**os.environ, **env}, capture_output=True,
        text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
