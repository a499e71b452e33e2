"""`requirements-cpu.lock` is `requirements.lock` without CUDA, and names no place to fetch from."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CUDA = re.compile(r"nvidia|cuda|triton", re.IGNORECASE)
FOR_CPUS = ("torch", "torchvision")


def _pins(name: str) -> dict[str, str]:
    """Package -> version with its marker."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return dict(line.split("==", 1) for line in lines if line and not line.startswith("#"))


def test_the_cpu_lock_has_the_same_versions_without_cuda() -> None:
    whole, cpu = _pins("requirements.lock"), _pins("requirements-cpu.lock")
    cuda = {name for name in whole if CUDA.search(name)}
    assert cuda
    assert not any(CUDA.search(name) for name in cpu)
    expected = {name: version for name, version in whole.items() if name not in cuda}
    for name in FOR_CPUS:
        expected[name] += "+cpu"
    assert cpu == expected


def test_neither_lock_names_an_index() -> None:
    for name in ("requirements.lock", "requirements-cpu.lock"):
        assert not re.search(r"https?:|--|@", (ROOT / name).read_text("utf-8")), name
