"""MLflow and Weights & Biases through Ray's own callbacks (`ray.air.integrations`).

Ray calls these callbacks only from Tune, with the values that a trial reports to Tune; a Ray Train
worker group accepts no such callback. Here the driver calls them with the rows of `history.jsonl`.
So search trials, folds and final members are shown alike, for any number of workers, each under its
name.
"""

import os
from pathlib import Path
from typing import Any

from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.air.integrations.wandb import WandbLoggerCallback
from ray.tune.logger import LoggerCallback

from raytrain.config.job import JobSpec
from raytrain.config.tracking import MlflowSpec, WandbSpec
from raytrain.runs.history import Row
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Record, Task
from raytrain.runs.tracked import figures, parameters

UPLOAD_S = 300
"""Seconds that a station waits for uploads to W&B before the station ends."""


class Shown:
    """The attributes of a Tune trial that Ray's callbacks read, for a task of raytrain."""

    def __init__(self, task: Task, folder: Path):
        run = task.directory.parent.parent
        self.name = task.name
        self.trial_id = f"{run.name}-{task.fingerprint}"
        self.config = parameters(task)
        self.experiment_dir_name = run.name
        self.local_path = str(folder)

    def __str__(self) -> str:
        return self.name


class TrackerView:
    """Passes every epoch to one of Ray's callbacks, exactly once."""

    def __init__(self, name: str, callback: LoggerCallback, run: RunDir):
        self.name = f"tracking.{name}"
        self._callback: Any = callback
        self._folder = run.tracking
        self._trials: dict[str, Shown] = {}
        self._told: dict[str, int] = {}

    def update(self, task: Task, rows: list[Row]) -> None:
        trial = self._begun(task)
        for row in rows[self._told[task.fingerprint] :]:
            # The last value set represents the whole row.
            self._tell(trial, row["epoch"], {**figures(row), "epoch": row["epoch"]})
            self._told[task.fingerprint] = row["epoch"]

    def ended(self, task: Task, record: Record) -> None:
        trial, best = self._begun(task), record.best or {}
        final = {f"best_{key}": best[key] for key in ("val_score", "val_dice") if key in best}
        status = {"config": {"status": record.status}}
        self._tell(trial, record.epochs, {**final, **status})
        self._callback.log_trial_end(trial, failed=record.status == "failed")

    def looked(self) -> None:
        """Do nothing, because every update is passed on at once."""

    def close(self) -> None:
        self._callback.on_experiment_end([])

    def _begun(self, task: Task) -> Shown:
        if task.fingerprint not in self._trials:
            self._folder.mkdir(parents=True, exist_ok=True)
            trial = Shown(task, self._folder)
            self._callback.log_trial_start(trial)
            self._told[task.fingerprint] = self._known(trial)
            self._trials[task.fingerprint] = trial
        return self._trials[task.fingerprint]

    def _known(self, trial: Shown) -> int:
        """Return the number of epochs that the tracker received from an earlier driver."""
        del trial
        return 0

    def _tell(self, trial: Shown, epoch: int, values: dict[str, Any]) -> None:
        # Tune's name for the steps of trackers.
        self._callback.log_trial_result(epoch, trial, {"training_iteration": epoch, **values})


class _Mlflow(MLflowLoggerCallback):
    """Ray's callback, except that a trial continues the MLflow run that an interrupted driver
    began."""

    def log_trial_start(self, trial: Any) -> None:
        found = self.client.search_runs(
            [self.mlflow_util.experiment_id],
            filter_string=f"tags.`raytrain.trial` = '{trial.trial_id}'",
            max_results=1,
        )
        if found:
            self._trial_runs[trial] = found[0].info.run_id
            self.client.update_run(found[0].info.run_id, status="RUNNING")
        self.tags["raytrain.trial"] = trial.trial_id
        super().log_trial_start(trial)

    def log_trial_result(self, iteration: int, trial: Any, result: dict) -> None:
        status = result.get("config", {}).get("status")
        if status is not None:
            self.client.set_tag(self.run_id(trial), "raytrain.status", status)
        super().log_trial_result(iteration, trial, result)

    def run_id(self, trial: Any) -> str:
        return self._trial_runs[trial]

    @property
    def client(self) -> Any:
        return self.mlflow_util._get_client()


class MlflowView(TrackerView):
    """One MLflow run per trial, in the experiment with the competition's name."""

    def __init__(self, spec: MlflowSpec, competition: str, run: RunDir):
        # Failed updates are repeated at the next look, so the client need not wait for long.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        self._mlflow = _Mlflow(
            tracking_uri=spec.uri,
            experiment_name=spec.experiment or competition,
            tags={"competition": competition, "run": run.path.name},
        )
        try:
            self._mlflow.setup()
        except Exception as error:
            raise ValueError(
                f"tracking.mlflow.uri: {spec.uri} does not answer: {error}; start the server, or "
                "correct the address"
            ) from None
        super().__init__("mlflow", self._mlflow, run)

    def _known(self, trial: Shown) -> int:
        past = self._mlflow.client.get_metric_history(self._mlflow.run_id(trial), "epoch")
        return max((metric.step for metric in past), default=0)


class WandbView(TrackerView):
    """One W&B run per trial, in the group with the run's name. W&B itself skips the steps that it
    has from an interrupted driver."""

    def __init__(self, spec: WandbSpec, competition: str, run: RunDir):
        if spec.mode == "offline":
            # Ray's callback requires a key unless this variable is set.
            os.environ["WANDB_MODE"] = "offline"
        callback = WandbLoggerCallback(
            project=spec.project or competition,
            group=run.path.name,
            upload_timeout=UPLOAD_S,
            entity=spec.entity,
            mode=spec.mode,
            resume="allow",
        )
        try:
            callback.setup()
        except ValueError:
            raise ValueError(
                "tracking.wandb: no key was found; put it into WANDB_API_KEY where raytrain runs, "
                "or set tracking.wandb.mode=offline"
            ) from None
        super().__init__("wandb", callback, run)


def trackers(job: JobSpec, run: RunDir) -> list[TrackerView]:
    """Return the trackers of the job. Raises ValueError when a tracker cannot be reached."""
    views: list[TrackerView] = []
    if job.tracking.mlflow is not None:
        views.append(MlflowView(job.tracking.mlflow, job.competition.name, run))
    if job.tracking.wandb is not None:
        views.append(WandbView(job.tracking.wandb, job.competition.name, run))
    return views
