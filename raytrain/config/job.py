"""The whole job: a competition, what is searched, what is shipped and on which machine."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from raytrain.config.base import FOLDER_NAME, Spec
from raytrain.config.competition import CompetitionSpec
from raytrain.config.duration import Duration
from raytrain.config.errors import unknown_name
from raytrain.config.schedulers import NoSchedulerSpec
from raytrain.config.search import SearchSpec
from raytrain.config.study import StudySpec
from raytrain.config.tracking import TrackingSpec
from raytrain.config.trial import TrialSpec

Place = Literal["ray", "local"]
"""Where work is done: on Ray, or in this process."""


class FoldSpec(Spec):
    """Cross-validation over train+val, groups kept together, stratified by the classes present."""

    count: int = Field(5, ge=2)
    seed: int = Field(0, ge=0)


def _number_or_range(value: Any) -> Any:
    ends = list(value) if isinstance(value, list | tuple) else [value]
    whole = all(type(end) is int and end >= 1 for end in ends)
    if not whole or len(ends) > 2 or (len(ends) == 2 and ends[0] >= ends[1]):
        raise ValueError(f"give a number from 1 on, or fewest and most as [1, 4] (got {value!r})")
    return ends[0] if len(ends) == 1 else tuple(ends)


def most(workers: int | tuple[int, int]) -> int:
    """The most workers that a number or a range of them stands for."""
    return workers if isinstance(workers, int) else workers[1]


class FinalizeSpec(Spec):
    """The ensemble that is shipped."""

    members: int | None = Field(None, ge=1)
    """The best so many configurations of the leaderboard; null: two, or one where there is only
    one."""
    workers: Annotated[
        int | tuple[int, int],
        BeforeValidator(_number_or_range, json_schema_input_type=int | tuple[int, int]),
    ] = 1
    """Ray Train workers that each member is trained on; `[1, 4]`: as many of these as there are
    places for, fewer when a node goes, more when one comes (at the cost of the epoch begun)."""
    epochs: int | None = Field(None, ge=1)
    """Length of cross-validation and final training; null: that of the trial."""

    def wanted(self, scored: int) -> int:
        """Members of the ensemble where so many configurations have a score."""
        return min(2, scored) if self.members is None else self.members


class ResourcesSpec(Spec):
    """What one worker takes; how many run at once follows from what the cluster has."""

    cpus: int = Field(1, ge=1)
    """CPU threads a worker, also without Ray."""
    gpus: float = Field(0, ge=0)
    """Whole ones, or a share of one: `0.25` packs four workers on a GPU, each with a quarter of its
    memory."""
    memory_gb: float = Field(2.0, gt=0)
    loaders: int = Field(0, ge=0)
    """Processes beside each worker that prepare its batches."""

    @field_validator("gpus")
    @classmethod
    def _whole_or_a_share(cls, value: float) -> float:
        if value > 1 and value != int(value):
            raise ValueError(f"give a share of one GPU, up to 1, or whole ones (got {value:g})")
        return value


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class JobSpec(Spec):
    """The whole YAML."""

    competition: CompetitionSpec
    trial: TrialSpec = TrialSpec()
    search: SearchSpec = SearchSpec()
    study: StudySpec | None = None
    """What a published study of the same choices states; the report lays it beside ours."""
    folds: FoldSpec = FoldSpec()
    finalize: FinalizeSpec = FinalizeSpec()
    resources: ResourcesSpec = ResourcesSpec()
    tracking: TrackingSpec = TrackingSpec()
    budget: Duration | None = None
    """Time for `raytrain run`, such as `2h`: over all its starts, what `run` has been at work. A
    quick member stands within the first tenth, and is replaced when the out-of-fold score rises;
    null: as long as it takes."""
    storage: str = "runs"
    """Folder for all results; on a cluster one that every node sees."""
    run: str = Field("default", pattern=FOLDER_NAME, max_length=200)
    """Name of this run: its results stand in <storage>/<competition>/<run>."""
    extend: Annotated[
        tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...])
    ] = ()
    """Python files with networks, losses, metrics and formats of your own (`config/extend.py`),
    from the folder of the YAML."""

    def at(self, place: Place) -> Self:
        """The job as it runs there: in one process, a scheduler that was not asked for is none."""
        if place == "ray" or "scheduler" in self.search.model_fields_set:
            return self
        search = self.search.model_copy(update={"scheduler": NoSchedulerSpec()})
        return self.model_copy(update={"search": search})

    @model_validator(mode="after")
    def _study_is_of_the_space(self) -> Self:
        stated = self.study.figures if self.study else ()
        wrong = {factor for each in stated for factor in each.at if factor not in self.search.space}
        if wrong:
            lines = "; ".join(unknown_name(name, self.search.space) for name in sorted(wrong))
            raise ValueError(f"study.figures: {lines} (search.space)")
        return self

    @field_validator("storage")
    @classmethod
    def _is_a_folder(cls, value: str) -> str:
        if re.match(r"^[a-z0-9+]+://", value):
            raise ValueError(f"give a folder, local or shared between the nodes (got {value!r})")
        return value
