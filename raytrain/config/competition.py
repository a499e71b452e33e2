"""One competition: the location of its data, its classes and its submission."""

import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from raytrain.config.base import FOLDER_NAME, Spec
from raytrain.config.dialects import RleSpec
from raytrain.config.errors import unknown_name
from raytrain.config.expression import parse_expression
from raytrain.config.formats import FormatSpec, PairedFoldersSpec
from raytrain.config.labels import ClassLabelsSpec, ListedLabelsSpec, ThresholdLabelsSpec
from raytrain.config.metrics import DiceMetricSpec, MetricSpec, metric_problems
from raytrain.config.secrets import refuse_secrets
from raytrain.config.splits import (
    FolderSplitsSpec,
    GroupSpec,
    ListSplitsSpec,
    OwnGroupSpec,
    RangeSplitsSpec,
    SplitsSpec,
)
from raytrain.config.target import MOST_LAYERS, Target


def name_of(data: str) -> str:
    """Return the default name of a competition: the last part of `data` (a folder, a .zip or an
    address) without `.zip`, with `-` for characters that a folder's name should not have."""
    last = re.sub(r"^[a-z0-9+]+://", "", data).rstrip("/").rpartition("/")[2]
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", last.removesuffix(".zip")).strip("-._")
    return name or "competition"


class NotebookSpec(Spec):
    """The version of a notebook to submit, in competitions that accept only notebooks."""

    name: str = Field(pattern=r"^[^/\s]+/[^/\s]+$")
    """Owner and name of the notebook, as in its Kaggle address: owner/notebook."""
    version: int = Field(ge=1)
    """The saved version of the notebook that writes the file. Its code must be the code of this
    run."""
    file: str = "submission.csv"

    @property
    def label(self) -> str:
        """Short form of the notebook version, such as `ann/heart version 3`."""
        return f"{self.name} version {self.version}"


class SubmissionSpec(RleSpec):
    """How masks are written to the CSV, and whether the CSV is sent."""

    slug: str | None = None
    """The competition's name in its Kaggle address. Only commands that ask Kaggle need it."""
    sample: str | None = None
    """Path of the sample submission under competition.data. The CSV gets the rows of the sample, in
    its order."""
    notebook: NotebookSpec | None = None
    """The notebook to submit instead of the CSV, for competitions that accept only notebooks."""
    ledger: Annotated[str, AfterValidator(refuse_secrets)] | None = None
    """Address of the ledger, as fsspec takes it, such as s3://bucket/submissions. null: the folder
    `submissions/`, in `storage` if that is an absolute path, else in the working directory."""
    send: bool = False
    """Whether `run` sends the file. It also needs Kaggle credentials."""


class CompetitionSpec(Spec):
    """The data of a competition, and its rules."""

    name: str = Field("", pattern=FOLDER_NAME, max_length=200)
    """Name of the competition, and of its folder under the storage. The default is the name of the
    folder or file in `data`."""
    data: Annotated[str, AfterValidator(refuse_secrets)]
    """The competition's folder, a .zip file, or an address such as s3://bucket/folder."""
    format: FormatSpec = PairedFoldersSpec()
    splits: SplitsSpec = FolderSplitsSpec()
    """How images are split into train, val and test. Without a val split, the search validates on
    the first fold."""
    classes: tuple[str, ...] = Field(min_length=2, max_length=255)
    """Names for the mask values 0, 1, 2, ...; 0 is the background."""
    target: Target = "single_label"
    """`single_label`: a pixel has one class. `multi_label`: classes may overlap."""
    group: GroupSpec = OwnGroupSpec()
    """Images of one group, such as a patient or a video, stay together in folds. Give an expression
    such as (N+1)//2 over the number N in the name, a pattern such as `{case}_*`, `{name: stem}`
    (the name without that number), `{name: ends, ends: [...]}` or `{name: table, ...}`."""
    neighbours: tuple[str, ...] = ()
    """Expressions for the frames that become the channels of an image, such as [N-1, N, N+1]. A
    frame that is missing, or belongs to another split or group, is replaced by the image itself."""
    exclude: str | None = None
    """A text file with the ids of labeled images, one a line, such as `suspects.txt`. These images
    are used neither for training nor for validation. The path is relative to the working
    directory."""
    accept_leaks: str | None = None
    """Why near-duplicates in train and val are acceptable. Without a reason, near-duplicates are
    refused."""
    metric: MetricSpec = DiceMetricSpec()
    """The metric that ranks models: a name, or a mapping such as `{name: dice, empty: skip}`;
    `raytrain metrics` lists them. `dice` is the mean over images and foreground classes. A class
    that is absent and not predicted scores 1."""
    measures: tuple[MetricSpec, ...] = ()
    """Further metrics to compute after every epoch, such as `[accuracy, hausdorff]`. They influence
    no choice."""
    submission: SubmissionSpec = SubmissionSpec()

    @model_validator(mode="before")
    @classmethod
    def _named_after_data(cls, value: Any) -> Any:
        if isinstance(value, dict) and "name" not in value:
            return {**value, "name": name_of(str(value.get("data", "")))}
        return value

    @field_validator("classes")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        blank = [number for number, name in enumerate(value) if not name.strip()]
        if blank:
            raise ValueError(f"class {blank[0]} has no name; give it one")
        double = [name for number, name in enumerate(value) if name in value[:number]]
        if double:
            raise ValueError(f"class {double[0]!r} is listed twice; name each class once")
        return value

    @field_validator("neighbours")
    @classmethod
    def _parse(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            parse_expression(text)
        return value

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        problems = self._label_problems()
        splits, elsewhere = self.splits, getattr(self.format, "test_image", None)
        if (
            elsewhere is not None
            and isinstance(splits, RangeSplitsSpec | ListSplitsSpec)
            and splits.test is not None
        ):
            problems.append(
                "splits.test: format.test_image says where the test images are; leave "
                "splits.test out"
            )
        if self.target == "multi_label":
            problems += self._overlap_problems()
        for key, metrics in (("metric", (self.metric,)), ("measures", self.measures)):
            problems += metric_problems(key, metrics, len(self.classes), self.target)
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _label_problems(self) -> list[str]:
        """Return a line for each class that `format` names and `classes` does not contain."""
        labels = getattr(self.format, "labels", None)
        parts = {"format.classes": getattr(self.format, "classes", {})}
        if isinstance(labels, ListedLabelsSpec):
            parts["format.labels.classes"] = labels.classes
        problems = []
        for key, classes in parts.items():
            numbers = {v: k for v, k in classes.items() if isinstance(k, int)}
            beyond = {v: k for v, k in numbers.items() if not 0 <= k < len(self.classes)}
            if beyond:
                problems.append(
                    f"{key}: {beyond}: write class numbers from 0 to {len(self.classes) - 1}"
                )
            words = [name for name in classes.values() if isinstance(name, str)]
            problems += [
                f"{key}: class {unknown_name(name, self.classes)}"
                for name in dict.fromkeys(words)
                if name not in self.classes
            ]
        return problems

    def _overlap_problems(self) -> list[str]:
        """Return the problems of settings that need exactly one class per pixel, although classes
        overlap."""
        problems = []
        count = len(self.classes) - 1
        if count > MOST_LAYERS:
            problems.append(
                f"target: at most {MOST_LAYERS} classes may overlap (got {count} beside the "
                "background); set target to single_label, or leave classes out"
            )
        labels = getattr(self.format, "labels", ClassLabelsSpec())
        if labels != ClassLabelsSpec() and not isinstance(labels, ThresholdLabelsSpec):
            problems.append(
                "format.labels: overlapping classes have one layer each, in which every value but "
                "0 belongs to the class; leave labels out, or set threshold"
            )
        return problems
