"""One competition: where its data is, what is searched, what is shipped and on which machine."""

import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from raytrain.config.base import Spec
from raytrain.config.expression import parse_expression
from raytrain.config.trial import TrialSpec

Place = Literal["ray", "local"]
"""Where work is done: on Ray, or in this process."""


class PairedFoldersSpec(Spec):
    """Image and mask files whose paths follow a pattern with `{split}` and `{name}`."""

    name: Literal["paired_folders"] = "paired_folders"
    image: str = "{split}/image/{name}.png"
    mask: str = "{split}/mask/{name}_mask.png"
    splits: dict[Literal["train", "val", "test"], str] = Field(
        {"train": "train", "val": "val", "test": "test"}, min_length=1
    )
    """What `{split}` reads for each split; the test split needs no masks."""

    @field_validator("image", "mask")
    @classmethod
    def _has_both_fields(cls, value: str) -> str:
        if "{name}" not in value or "{split}" not in value:
            raise ValueError(f"a pattern needs both {{split}} and {{name}} (got {value!r})")
        return value


class SubmissionSpec(Spec):
    """How masks become the CSV, and whether it is sent."""

    slug: str | None = None
    """The competition's name in its Kaggle address; needed only to send."""
    encoding: Literal["column_major_1"] = "column_major_1"
    """A dialect of `submission/encodings/`."""
    columns: tuple[str, str] = ("id", "encoding")
    id: str = "{name}_mask{class}"
    """Row id for an image and a class number."""
    sample: str | None = None
    """Path of the sample submission that rows and order are held against."""
    send: bool = False
    """`run` sends the file only when this is true and credentials exist."""


class CompetitionSpec(Spec):
    """A competition's folder and rules."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Folder name under the storage, too."""
    data: str
    """The competition's folder."""
    format: PairedFoldersSpec = PairedFoldersSpec()
    classes: tuple[str, ...] = Field(min_length=2)
    """Names for the mask values 0, 1, 2, ...; 0 is the background."""
    group: str = "N"
    """Images with the same value belong together in folds; N is the number in the name."""
    metric: Literal["dice"] = "dice"
    """Mean over images and foreground classes; an absent class that is not predicted scores 1."""
    submission: SubmissionSpec = SubmissionSpec()

    @field_validator("group")
    @classmethod
    def _parses(cls, value: str) -> str:
        parse_expression(value)
        return value


class AshaSpec(Spec):
    """Asynchronous successive halving (Li et al. 2020): rungs at grace x factor**k epochs."""

    name: Literal["asha"] = "asha"
    grace: int = Field(1, ge=1)
    """Epochs that every trial may run."""
    factor: int = Field(2, ge=2)
    """At each rung the best 1/factor go on."""

    def rungs(self, epochs: int) -> list[int]:
        """The epochs at which trials are compared: grace, grace x factor, ... below the last."""
        found, epoch = [], self.grace
        while epoch < epochs:
            found.append(epoch)
            epoch *= self.factor
        return found


class NoSchedulerSpec(Spec):
    """Every trial runs all its epochs."""

    name: Literal["none"] = "none"

    def rungs(self, epochs: int) -> list[int]:
        """None."""
        del epochs
        return []


class SearchSpec(Spec):
    """Which trials are tried, and which are stopped early."""

    trials: int = Field(8, ge=1)
    seed: int = Field(0, ge=0)
    scheduler: Annotated[AshaSpec | NoSchedulerSpec, Field(discriminator="name")] = AshaSpec()
    space: dict[str, Any] = {}
    """Dotted path under `trial` -> `{choice: [...]}`, `{grid: [...]}`, `{uniform: [a, b]}`,
    `{loguniform: [a, b]}` or `{integer: [a, b]}`."""


class FoldSpec(Spec):
    """Cross-validation over train+val, groups kept together, stratified by the classes present."""

    count: int = Field(5, ge=2)
    seed: int = Field(0, ge=0)


class FinalizeSpec(Spec):
    """The ensemble that is shipped."""

    members: int = Field(2, ge=1)
    """The best so many configurations of the leaderboard."""
    workers: int = Field(1, ge=1)
    """Ray Train workers that each member is trained on."""
    epochs: int | None = Field(None, ge=1)
    """Length of cross-validation and final training; null: that of the trial."""


class ResourcesSpec(Spec):
    """What one worker takes; how many run at once follows from what the cluster has."""

    cpus: int = Field(1, ge=1)
    """CPU threads a worker, also without Ray."""
    gpus: float = Field(0, ge=0)
    memory_gb: float = Field(2.0, gt=0)
    loaders: int = Field(0, ge=0)
    """Processes beside each worker that prepare its batches."""


class JobSpec(Spec):
    """The whole YAML."""

    competition: CompetitionSpec
    trial: TrialSpec = TrialSpec()
    search: SearchSpec = SearchSpec()
    folds: FoldSpec = FoldSpec()
    finalize: FinalizeSpec = FinalizeSpec()
    resources: ResourcesSpec = ResourcesSpec()
    storage: str = "runs"
    """Folder for all results; on a cluster one that every node sees."""
    run: str = Field("default", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Name of this run: its results stand in <storage>/<competition>/<run>."""

    @field_validator("storage")
    @classmethod
    def _is_a_folder(cls, value: str) -> str:
        if re.match(r"^[a-z0-9+]+://", value):
            raise ValueError(f"give a folder, local or shared between the nodes (got {value!r})")
        return value
