"""Experiment trackers that show trainings in addition to the console and the run's own files."""

import re
from typing import Literal

from pydantic import Field, field_validator

from raytrain.config.base import Spec


class MlflowSpec(Spec):
    """One MLflow run per trial (`pip install "raytrain[mlflow]"`). Credentials are read from
    MLflow's own variables, MLFLOW_TRACKING_USERNAME, _PASSWORD and _TOKEN."""

    uri: str
    """A server, `http://host:5000`, or a store, `sqlite:////shared/mlflow.db`."""
    experiment: str | None = Field(None, min_length=1)
    """Name of the experiment; null: the competition's name."""

    @field_validator("uri")
    @classmethod
    def _has_no_secret(cls, value: str) -> str:
        if not re.match(r"^[a-z0-9+-]+:", value):
            raise ValueError(
                f"write it as http://host:5000 or sqlite:////folder/mlflow.db (got {value!r})"
            )
        if re.match(r"^[^/]+//[^/]*@", value):
            raise ValueError(
                "a job must not contain secrets: set MLFLOW_TRACKING_USERNAME and "
                "MLFLOW_TRACKING_PASSWORD, and leave out the part before the @"
            )
        return value


class WandbSpec(Spec):
    """One Weights & Biases run per trial (`pip install "raytrain[wandb]"`), grouped by the job's
    `run`. The key is read from WANDB_API_KEY."""

    project: str | None = Field(None, min_length=1)
    """Name of the project; null: the competition's name."""
    entity: str | None = Field(None, min_length=1)
    """The user or team; null: the key's default at W&B."""
    mode: Literal["online", "offline"] = "online"
    """`offline` writes to `<run>/tracking/wandb/`; `wandb sync` sends the files later."""


class TrackingSpec(Spec):
    """Trackers for every trial: search, folds and final members."""

    tensorboard: bool = True
    """Event files for `tensorboard --logdir <storage>/<competition>/<run>`."""
    mlflow: MlflowSpec | None = None
    wandb: WandbSpec | None = None
