"""The image, as far as it can be tried without Docker: what it copies, installs and is run by."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
LOCKS = {"cpu": "requirements-cpu.lock", "gpu": "requirements.lock"}
Lines = list[tuple[str, str]]

every_target = pytest.mark.parametrize("target", LOCKS)


def stages() -> dict[str, Lines]:
    """Stage -> its instructions, with those of the stages that it is built on."""
    text = re.sub(r"(?m)^#.*\n", "", (ROOT / "Dockerfile").read_text())
    found: dict[str, Lines] = {}
    for line in text.replace("\\\n", " ").splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            origin, name = rest.split(" AS ")
            found[name] = [*found.get(origin, [(word, origin)])]
        elif word:
            found[name].append((word, rest.strip()))
    return found


def sources(target: str) -> list[Path]:
    """What the stage copies from the repository."""
    return [
        ROOT / source
        for word, rest in stages()[target]
        if word == "COPY"
        for source in rest.split()[:-1]
    ]


def sent() -> list[str]:
    """Names at the top of the repository that .dockerignore sends to the builder."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    return [line[1:] for line in lines if line.startswith("!")]


@every_target
def test_what_is_copied_exists_and_is_sent(target: str) -> None:
    for path in sources(target):
        assert path.exists(), path
        assert any(fnmatch(path.name, name) for name in sent()), path
    assert {path.name for name in LOCKS for path in sources(name)} == {*sent()}


@every_target
def test_links_in_what_is_copied_lead_to_what_is_copied(target: str) -> None:
    copied = sources(target)
    links = [path for source in copied for path in source.rglob("*") if path.is_symlink()]
    assert links
    assert [link for link in links if link.resolve() not in copied] == []


@every_target
def test_the_package_is_whole(target: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {path.name for path in sources(target)}
    assert {project["readme"], *project["license-files"], "pyproject.toml", "raytrain"} <= names


@every_target
def test_the_target_installs_its_lock_for_a_python_that_fits(target: str) -> None:
    lines = stages()[target]
    (version,) = re.findall(r"^python:(\d+\.\d+)-", lines[0][1])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert version in SpecifierSet(project["requires-python"])
    assert f"Python :: {version}" in " ".join(project["classifiers"])
    runs = [rest for word, rest in lines if word == "RUN"]
    assert sum(f"--requirements {LOCKS[target]}" in run for run in runs) == 1
    assert not any(lock in run for run in runs for lock in {*LOCKS.values()} - {LOCKS[target]})
    assert runs[-1].endswith("--no-deps .")


@every_target
def test_it_runs_as_the_user_that_the_cluster_files_expect(target: str) -> None:
    lines = stages()[target]
    assert [rest for word, rest in lines if word == "USER"] == ["1000:1000"]
    after = [word for word, _ in lines[lines.index(("USER", "1000:1000")) :]]
    assert after == ["USER", "WORKDIR"]
    made = " ".join(rest for word, rest in lines if word == "RUN")
    assert "useradd --uid 1000 --create-home ray" in made
    # The launcher brings the token, and the head uses ssh and rsync; KubeRay's probes use wget.
    assert "/home/ray/.ray" in made
    assert {"openssh-client", "rsync", "wget", "g++"} <= {*made.split()}


def test_all_files_name_the_ray_of_the_lock() -> None:
    (locked,) = re.findall(r"(?m)^ray==(.+)$", (ROOT / "requirements.lock").read_text())
    cluster = (ROOT / "jobs" / "kubernetes" / "raycluster.yaml").read_text()
    assert re.findall(r"rayVersion: (.+)", cluster) == [locked]


def test_the_driver_that_the_files_ask_for_fits_the_cuda_of_the_lock() -> None:
    """CUDA 13.0 needs a driver of 580.65 or newer; another CUDA needs another line here."""
    (cuda,) = re.findall(r"(?m)^cuda-toolkit==(\d+\.\d+)", (ROOT / "requirements.lock").read_text())
    assert cuda == "13.0"
    for name in (
        "Dockerfile",
        "cluster.yaml",
        "jobs/clusters/gcp.yaml",
        "jobs/clusters/local.yaml",
    ):
        assert "580.65" in (ROOT / name).read_text(), name
