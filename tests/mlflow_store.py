"""What stands in an MLflow store."""

from typing import Any

from mlflow import MlflowClient


def mlflow_runs(uri: str, experiment: str) -> dict[str, Any]:
    """An experiment's runs in a store, by name."""
    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    return {run.info.run_name: run for run in client.search_runs([found.experiment_id])}


def mlflow_steps(uri: str, run: Any, metric: str) -> list[tuple[int, float]]:
    """Steps and values of one of a run's metrics, in the order in which they were told."""
    history = MlflowClient(uri).get_metric_history(run.info.run_id, metric)
    return [(point.step, point.value) for point in history]
