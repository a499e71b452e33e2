"""The wheel, installed into an environment of its own, has everything that a newcomer needs."""

from pathlib import Path

import pytest

from tests.e2e.installed import ROOT, Installed

DRAW = """
from pathlib import Path
from raytrain.data.phantom import PhantomSplit, write_phantom
write_phantom(Path("data/phantom"), Path("data/truth"), PhantomSplit(), 0)
"""
ALONE = """
import socket, sys
import raytrain
print(raytrain.__file__)
print(*sys.path, sep="\\n")
try:
    import tests.support
except ModuleNotFoundError:
    print("no tests")
try:
    socket.create_connection(("127.0.0.1", 9))
except OSError as error:
    print(error)
"""


@pytest.mark.slow
def test_the_wheel_checks_its_own_example(installed: Installed, tmp_path: Path) -> None:
    installed.run("-c", DRAW, work=tmp_path)
    job = installed.package / "jobs" / "phantom.yaml"
    said = installed.run("-m", "raytrain", "check", job, work=tmp_path)
    assert "contact_sheet.png" in said
    assert list((installed.package / "jobs" / "studies").glob("*.yaml"))


@pytest.mark.slow
def test_nothing_of_the_source_tree_can_be_imported(installed: Installed, tmp_path: Path) -> None:
    first, *others = installed.run("-c", ALONE, work=tmp_path).splitlines()
    assert Path(first) == installed.package / "__init__.py"
    assert str(ROOT) not in others
    assert others[-2:] == ["no tests", "this process has no network"]
