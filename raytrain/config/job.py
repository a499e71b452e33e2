"""The whole job: the competition, the search, the final ensemble and the resources."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from raytrain.config.base import FOLDER_NAME, Spec
from raytrain.config.competition import CompetitionSpec
from raytrain.config.duration import Duration
from raytrain.config.errors import unknown_name
from raytrain.config.metrics import MetricSpec, metric_problems
from raytrain.config.predict import MOST_LAYERS, PredictSpec, SelfTrainSpec
from raytrain.config.schedulers import NoSchedulerSpec
from raytrain.config.search import SearchSpec
from raytrain.config.storage import usable_storage
from raytrain.config.study import StudySpec
from raytrain.config.tracking import TrackingSpec
from raytrain.config.trial import TrialSpec

Place = Literal["ray", "local"]
"""Where work runs: on Ray, or in this process."""


class FoldSpec(Spec):
    """Cross-validation over train+val. Groups stay together, and the folds are stratified by the
    classes that an image shows."""

    count: int = Field(5, ge=2)
    seed: int = Field(0, ge=0)


def _number_or_range(value: Any) -> Any:
    ends = list(value) if isinstance(value, list | tuple) else [value]
    whole = all(type(end) is int and end >= 1 for end in ends)
    if not whole or len(ends) > 2 or (len(ends) == 2 and ends[0] >= ends[1]):
        raise ValueError(
            f"give a number from 1 on, or the fewest and the most, such as [1, 4] (got {value!r})"
        )
    return ends[0] if len(ends) == 1 else tuple(ends)


def most(workers: int | tuple[int, int]) -> int:
    """Return the largest number of workers: the number itself, or the end of the range."""
    return workers if isinstance(workers, int) else workers[1]


class CvSpec(Spec):
    """Settings of the cross-validation of the best configurations."""

    candidates: int | None = Field(None, ge=1)
    """Number of configurations to take from the top of the leaderboard, or all if there are fewer.
    The ensemble is chosen from them. With `folds: none`, it is their equal mean. null: 4, or 1 with
    `folds: none`."""


class FinalizeSpec(Spec):
    """Settings of the final ensemble."""

    members: int | None = Field(None, ge=1)
    """Largest number of members of the ensemble; null: as many as raise the out-of-fold score."""
    ship: Literal["retrained", "folds", "both"] | None = None
    """The networks that predict test images. `retrained`: each member's network that is trained on
    all labeled images. `folds`: the models of its folds. `both`: both. null: `retrained`, or the
    model itself with `folds: none`."""
    workers: Annotated[
        int | tuple[int, int],
        BeforeValidator(_number_or_range, json_schema_input_type=int | tuple[int, int]),
    ] = 1
    """Ray Train workers for each member. `[1, 4]`: as many as fit, from one to four. The group
    shrinks when a node leaves and grows when a node joins. Each change costs the epoch that has
    begun."""
    epochs: int | None = Field(None, ge=1)
    """Number of epochs of cross-validation and final training; null: the number of the trial."""


class ResourcesSpec(Spec):
    """The resources that one worker needs. The number of workers at once follows from the cluster's
    resources."""

    cpus: int = Field(1, ge=1)
    """CPU threads per worker, also without Ray."""
    gpus: float = Field(0, ge=0)
    """Whole GPUs, or a share of one: with `0.25` each worker has a quarter of a GPU's memory."""
    memory_gb: float = Field(2.0, gt=0)
    loaders: int = Field(0, ge=0)
    """Processes per worker that prepare batches; 0: the worker prepares them itself."""
    faulty_nodes: Literal["refuse", "leave_out"] = "refuse"
    """What happens when a node of the cluster cannot do the job, as `raytrain doctor` finds out:
    the command is refused, or no worker runs on that node. Nodes that join later are not
    examined."""

    @field_validator("gpus")
    @classmethod
    def _whole_or_a_share(cls, value: float) -> float:
        if value > 1 and value != int(value):
            raise ValueError(f"give a whole number of GPUs, or a share below 1 (got {value:g})")
        return value


class ReportSpec(Spec):
    """Settings of a run's report."""

    images: tuple[str | int, ...] = Field((), max_length=100)
    """Ids of images to show beside their masks, such as `[cmr101, cmr121]`. A number that is no id
    is the position of a test image, counted from 0. Empty: the worst, middle and best labeled
    images."""


def _no_folds(value: Any) -> Any:
    return None if value == "none" else value


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class JobSpec(Spec):
    """All settings of a job file."""

    competition: CompetitionSpec
    trial: TrialSpec = TrialSpec()
    search: SearchSpec = SearchSpec()
    study: StudySpec | None = None
    """Figures that a published study states for the same choices. The report compares them with
    ours."""
    folds: Annotated[
        FoldSpec | None,
        BeforeValidator(_no_folds, json_schema_input_type=FoldSpec | Literal["none"] | None),
    ] = FoldSpec()
    """Cross-validation. `none`: the val split, or a fifth of the images, is held out once, and the
    best configurations are trained once, without a choice of members and steps."""
    cv: CvSpec = CvSpec()
    finalize: FinalizeSpec = FinalizeSpec()
    predict: PredictSpec = PredictSpec()
    self_train: SelfTrainSpec | None = None
    """Trains the members again, also on the test images with the ensemble's soft labels, and keeps
    the students if the out-of-fold score rises. `{}` turns it on; null: off."""
    report: ReportSpec = ReportSpec()
    resources: ResourcesSpec = ResourcesSpec()
    tracking: TrackingSpec = TrackingSpec()
    budget: Duration | None = None
    """Time limit for `raytrain run`, such as `2h`: the working time of all its starts together. A
    quick first member is ready within the first tenth, and is replaced when the out-of-fold score
    rises; null: no limit."""
    storage: Annotated[str, AfterValidator(usable_storage)] = "runs"
    """Folder for all results, which every node of a cluster must see; or a place in object storage,
    such as `s3://bucket/runs`."""
    run: str = Field("default", pattern=FOLDER_NAME, max_length=200)
    """Name of this run. Its results are in <storage>/<competition>/<run>."""
    extend: Annotated[
        tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...])
    ] = ()
    """Python files with your own networks, losses, metrics and formats (`config/extend.py`). Paths
    are relative to the folder of the YAML."""

    @property
    def ship(self) -> Literal["retrained", "folds", "both"]:
        """Which networks predict the test images: `finalize.ship`, or its default."""
        return self.finalize.ship or ("folds" if self.folds is None else "retrained")

    @property
    def measures(self) -> tuple[MetricSpec, ...]:
        """The metrics to compute after every epoch, in addition to `competition.metric`."""
        study = self.study.measures if self.study else ()
        return tuple(dict.fromkeys((*self.competition.measures, *study)))

    @property
    def candidates(self) -> int:
        """Number of configurations to cross-validate. With `folds: none`, number of members."""
        if self.folds is None:
            voters = self.cv.candidates or 1
            return min(voters, self.finalize.members or voters)
        return self.cv.candidates or 4

    def at(self, place: Place) -> Self:
        """Return the job for `place`. Without Ray, the default scheduler becomes `none`."""
        if place == "ray" or "scheduler" in self.search.model_fields_set:
            return self
        search = self.search.model_copy(update={"scheduler": NoSchedulerSpec()})
        return self.model_copy(update={"search": search})

    @model_validator(mode="after")
    def _candidates_are_enough(self) -> Self:
        members, taken = self.finalize.members, self.cv.candidates or self.candidates
        if members is not None and members > taken:
            raise ValueError(
                f"finalize.members: {members} members cannot be chosen, because cv takes "
                f"only {taken} of the configurations; lower finalize.members, or raise "
                "cv.candidates"
            )
        return self

    @model_validator(mode="after")
    def _voters_are_kept(self) -> Self:
        voters = min(self.candidates, self.search.trials)
        if self.folds is None and voters > self.search.keep:
            raise ValueError(
                "cv.candidates: with folds: none, the search's own networks form the ensemble, "
                f"but the search keeps the weights of only {self.search.keep} trials; set "
                f"search.keep to {voters}, or lower cv.candidates"
            )
        return self

    @model_validator(mode="after")
    def _steps_fit_the_classes(self) -> Self:
        competition = self.competition
        problems = self.predict.step_problems(competition.classes, competition.target)
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @model_validator(mode="after")
    def _self_training_can_be_judged(self) -> Self:
        if self.self_train is None:
            return self
        problems = []
        if self.folds is None:
            problems.append("folds: none leaves no fold to judge the students; give folds a count")
        if self.budget is not None:
            problems.append(
                "students cannot be trained within a budget; set budget or self_train to null"
            )
        layers = len(self.competition.classes) - 1
        if self.competition.target == "multi_label" and layers > MOST_LAYERS:
            problems.append(
                f"at most {MOST_LAYERS} classes may overlap (got {layers}); set self_train to null"
            )
        if problems:
            raise ValueError("self_train: " + "; ".join(problems))
        return self

    @model_validator(mode="after")
    def _study_is_of_the_space(self) -> Self:
        stated = self.study.figures if self.study else ()
        wrong = {factor for each in stated for factor in each.at if factor not in self.search.space}
        if wrong:
            lines = "; ".join(unknown_name(name, self.search.space) for name in sorted(wrong))
            raise ValueError(f"study.figures: {lines} (search.space)")
        measures, of = self.study.measures if self.study else (), self.competition
        problems = metric_problems("study.measures", measures, len(of.classes), of.target)
        labels = [measure.label for measure in self.measures]
        problems += [
            f"measures: several measures are called {label!r} in tables; keep one of them"
            for label in dict.fromkeys(labels)
            if labels.count(label) > 1
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self
