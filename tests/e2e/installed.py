"""raytrain as a newcomer has it: the wheel in an environment of its own, without a network."""

import os
import shutil
import site
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
NEEDED = ("pyproject.toml", "README.md", "LICENSE")
NO_NETWORK = """
import socket

def refused(*words, **others):
    raise OSError("this process has no network")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refused
"""


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel. Nothing of the source tree can be imported in it."""

    python: Path
    package: Path
    """The folder of the package raytrain."""

    def run(self, *words: object, work: Path) -> str:
        """Run Python in the folder `work`, which is also the home; returns its whole output."""
        env = {"PATH": os.environ["PATH"], "HOME": str(work),
               "OMP_NUM_THREADS": os.environ["OMP_NUM_THREADS"]}  # fmt: skip
        done = subprocess.run(
            [self.python, *map(str, words)], cwd=work, env=env, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout


def install(folder: Path) -> Installed:
    """Build the wheel and install it into a new environment in `folder`. Its dependencies are those
    of this interpreter."""
    source, wheel = folder / "source", folder / "wheel"
    for name in ("raytrain", "jobs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=ignored)
    for name in NEEDED:
        shutil.copy(ROOT / name, source / name)
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--no-compile"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", wheel, source], check=True
    )
    shutil.rmtree(source)
    venv.create(folder / "venv", symlinks=True)
    base = {"base": str(folder / "venv")}
    packages = Path(sysconfig.get_path("purelib", "venv", base))
    (packages / "no_network.py").write_text(NO_NETWORK)
    # Python reads no .pth file in folders that a .pth file names, so the developer's link to the
    # source tree has no effect.
    lines = [str(wheel), *site.getsitepackages(), "import no_network"]
    (packages / "installed.pth").write_text("".join(f"{line}\n" for line in lines))
    return Installed(folder / "venv" / "bin" / "python", wheel / "raytrain")
