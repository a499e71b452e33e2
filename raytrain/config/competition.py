"""One competition: where its data stands, its classes and its submission."""

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from raytrain.config.base import Spec
from raytrain.config.expression import parse_expression
from raytrain.config.formats import FormatSpec, PairedFoldersSpec
from raytrain.config.metrics import DiceMetricSpec, MetricSpec
from raytrain.config.splits import FolderSplitsSpec, GroupSpec, OwnGroupSpec, SplitsSpec


class SubmissionSpec(Spec):
    """How masks become the CSV, and whether it is sent."""

    slug: str | None = None
    """The competition's name in its Kaggle address; needed only to send."""
    encoding: Literal["column_major_1"] = "column_major_1"
    """A dialect of `rle/`."""
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
    """The competition's folder, a .zip file, or an address such as s3://bucket/folder."""
    format: FormatSpec = PairedFoldersSpec()
    splits: SplitsSpec = FolderSplitsSpec()
    """Without a val split, the search validates on the first fold."""
    classes: tuple[str, ...] = Field(min_length=2, max_length=255)
    """Names for the mask values 0, 1, 2, ...; 0 is the background."""
    group: GroupSpec = OwnGroupSpec()
    """Images of one group (a patient, a video) belong together in folds: an expression such as
    (N+1)//2 over the number in the name, `{name: ends, ends: [...]}` or `{name: table, ...}`."""
    neighbours: tuple[str, ...] = ()
    """Expressions for the frames that an image's channels are taken from, such as [N-1, N, N+1];
    a frame that is missing, or of another split or group, is replaced by the image itself."""
    accept_leaks: str | None = None
    """Why near duplicates in train and val are no mistake; without a reason they are refused."""
    metric: MetricSpec = DiceMetricSpec()
    """What decides: a name or `{name: dice, empty: skip}`; `raytrain metrics` lists them. `dice` is
    the mean over images and foreground classes, an absent class not predicted scoring 1."""
    submission: SubmissionSpec = SubmissionSpec()

    @field_validator("format", "splits", mode="before")
    @classmethod
    def _default_name(cls, value: Any, info: ValidationInfo) -> Any:
        """`{image: ...}` means the default format."""
        if isinstance(value, dict) and "name" not in value:
            return {"name": cls.model_fields[str(info.field_name)].default.name, **value}
        return value

    @field_validator("neighbours")
    @classmethod
    def _parse(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            parse_expression(text)
        return value
