"""The notebook of a bundle: its list of wheels, and what its time limit leaves out."""

import json
import re
from pathlib import Path

import nbformat
import pytest

from raytrain.config.competition import SubmissionSpec
from raytrain.config.predict import ViewGroup
from raytrain.ensemble.afford import affordable
from raytrain.ensemble.shares import MemberShare, passes_of
from raytrain.pipeline.notebook import NOTEBOOK, UNKNOWN, WHEELS, write_notebook
from raytrain.pipeline.wheels import needed_packages
from raytrain.runs.bundle import Bundle, BundleMember

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("seconds", "weights", "available", "kept"),
    [
        ([10, 10, 10], [1, 2, 3], 30, [0, 1, 2]),
        ([10, 10, 10], [1, 2, 3], 29, [1, 2]),
        ([10, 10, 10], [3, 1, 2], 19, [0]),
        ([10, 10, 10], [1, 1, 1], 10, [2]),
        ([5, 30, 10], [1, 1, 2], 20, [0, 2]),  # of equal weights the slowest goes first
        ([9], [1], 9, [0]),
    ],
)
def test_members_of_the_smallest_weight_are_left_out_first(
    seconds: list[float], weights: list[int], available: float, kept: list[int]
) -> None:
    members = [MemberShare(each, (), (Path(str(n)),)) for n, each in enumerate(weights)]
    found = affordable(members, lambda each: seconds[members.index(each)], available)
    assert found == [members[place] for place in kept]


@pytest.mark.parametrize(
    ("available", "views", "networks"),
    [(9, ("hflip", "vflip"), "abc"), (8, (), "abc"), (2, (), "a"), (0, (), "a")],
)
def test_the_last_member_loses_its_views_and_then_networks(
    available: float, views: tuple[ViewGroup, ...], networks: str
) -> None:
    member = MemberShare(2, ("hflip", "vflip"), tuple(map(Path, "abc")))
    other = MemberShare(1, (), (Path("d"),))
    [found] = affordable([member, other], lambda each: passes_of([each]), available)
    assert found == MemberShare(2, views, tuple(map(Path, networks)))


@pytest.mark.slow
def test_the_wheels_are_those_of_the_lock_and_only_for_prediction() -> None:
    lock = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if match := re.match(r"([\w.-]+)==([^ ]+)", line):
            lock[match[1].lower().replace("_", "-")] = match[2]
    first, *others = needed_packages("raytrain.pipeline.hidden_test")
    assert first.startswith("raytrain==")
    found = dict(each.split("==") for each in others)
    assert {name: lock[name] for name in found} == found
    needed = {"torch", "timm", "segmentation-models-pytorch", "tifffile", "pydantic", "scipy"}
    assert needed <= found.keys()
    assert not {"ray", "kaggle", "optuna", "matplotlib", "pytest"} & found.keys()


def test_a_notebook_is_valid_and_names_its_competition(tmp_path: Path) -> None:
    member = BundleMember(name="unet", weight=2, networks=("trials/a/checkpoints/last.pt",))
    bundle = Bundle(
        raytrain="0", competition="heart", run="r", classes=("background", "lv"),
        target="single_label", channels=1, dtype="uint8", members=(member,), tests="test/image",
        submission=SubmissionSpec(slug="heart-2026"),
    )  # fmt: skip
    for files, trust in (({}, False), ({"extend/a/b.py": "0"}, True)):
        paths = write_notebook(bundle.model_copy(update={"files": files}), tmp_path)
        assert paths == [tmp_path / NOTEBOOK, tmp_path / WHEELS]
        nbformat.validate(nbformat.read(tmp_path / NOTEBOOK, as_version=4))
        cells = json.loads((tmp_path / NOTEBOOK).read_text())["cells"]
        code = "\n".join(cell["source"] for cell in cells if cell["cell_type"] == "code")
        compile(code, "notebook", "exec")
        assert 'INPUT / "heart-2026" / "test/image"' in code
        assert ("trust=True" in code) == trust
    write_notebook(bundle.model_copy(update={"tests": ""}), tmp_path)
    assert (
        f'INPUT / "heart-2026" / "{UNKNOWN}"'
        in nbformat.read(tmp_path / NOTEBOOK, 4).cells[1].source
    )
    lines = (tmp_path / WHEELS).read_text().splitlines()
    assert all(re.fullmatch(r"#.*|[\w.-]+==[\w.]+", line) for line in lines)
