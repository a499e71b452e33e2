"""`bundle.json`: the description of an ensemble that predicts without its run.

A bundle is a folder, or a zip of a folder, with the layout of a run:
`trials/<fingerprint>/checkpoints/` holds the networks, and `extend/<hash>/` the users' files that
they need.
"""

from pathlib import Path
from typing import Any

from pydantic import Field

from raytrain.config.base import Spec
from raytrain.config.competition import SubmissionSpec
from raytrain.config.predict import ViewGroup
from raytrain.config.steps import StepSpec
from raytrain.config.target import Target
from raytrain.runs.ensemble import Below
from raytrain.runs.files import as_spec, read_json, sha256_of

FILE = "bundle.json"
VERSION = 1
"""Version of `bundle.json`. It gets a higher number when the meaning of a bundle's content
changes."""
REMEDY = "make the bundle again with `raytrain bundle RUN`, or copy or download it again"


class BundleMember(Spec):
    """A member of the ensemble in a bundle."""

    name: str
    weight: int = Field(ge=1)
    views: tuple[ViewGroup, ...] = ()
    networks: tuple[Below, ...] = Field(min_length=1)
    """Paths of the networks' checkpoints in the bundle."""


class Bundle(Spec):
    """The description of a bundle: what it predicts, and in which way."""

    version: int = VERSION
    raytrain: str
    """Version of raytrain that wrote it."""
    competition: str
    run: str
    classes: tuple[str, ...]
    target: Target
    channels: int
    dtype: str
    """Data type of the images."""
    sizes: dict[str, int] = {}
    """`width x height` -> number of the run's images of this size."""
    neighbours: tuple[str, ...] = ()
    """The frames that are the channels of an image, if an image consists of several frames."""
    pattern: str | None = None
    """Pattern of an image's path in the competition's folder."""
    naming: str = "{name}"
    """Pattern by which the parts of an image's path make its name."""
    planes: tuple[str, ...] = ()
    """The texts of `{channel}` in order, if each channel of an image has a file."""
    tests: str = ""
    """Folder of the test images, or their pattern if the folder has other files or is not one,
    relative to the competition's folder; empty if nothing tells them from labeled images."""
    submission: SubmissionSpec | None = None
    members: tuple[BundleMember, ...] = Field(min_length=1)
    steps: tuple[StepSpec, ...] = ()
    score: dict[str, Any] = {}
    """The keys metric, score, low and high (95 %) of the out-of-fold score."""
    files: dict[Below, str] = {}
    """Path, in the bundle, of every file except `bundle.json` -> its SHA-256."""


def read_bundle(folder: Path) -> Bundle:
    """Return the content of a bundle's `bundle.json`, after comparing all files with it.

    Raises ValueError that lists every file that is missing or was changed, and for a bundle of
    another version.
    """
    path = folder / FILE
    tree = read_json(path, REMEDY)
    version = tree.get("version") if isinstance(tree, dict) else None
    if version != VERSION:
        raise ValueError(
            f"{path}: the bundle has version {version}, but this raytrain reads version {VERSION}; "
            "write it again with `raytrain bundle`, or install the raytrain that wrote it"
        )
    bundle = as_spec(tree, Bundle, path, REMEDY)
    problems = []
    for name, expected in bundle.files.items():
        file = folder / name
        if not file.is_file():
            problems.append(f"{file}: missing")
        elif sha256_of(file) != expected:
            problems.append(f"{file}: changed since the bundle was written (its SHA-256 differs)")
    unlisted = {name for member in bundle.members for name in member.networks} - {*bundle.files}
    problems += [f"{path}: `files` does not list {name}" for name in sorted(unlisted)]
    if problems:
        listed = "\n  ".join(problems)
        raise ValueError(
            f"{folder}: the bundle's files are not those that were written; {REMEDY}\n  {listed}"
        )
    return bundle
