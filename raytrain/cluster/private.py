"""All uses of names that are private in Ray 2.60, each with the reason.

`tests/ray/test_private.py` fails when Ray changes one of these names.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc  # type: ignore[import-untyped]
import ray
from ray._private import ray_constants
from ray._private.grpc_utils import init_grpc_channel
from ray._private.services import canonicalize_bootstrap_address
from ray._raylet import (  # type: ignore[attr-defined]  # not in Ray's stubs
    AuthenticationTokenLoader,
    Config,
    setproctitle,
)
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.air.execution._internal.tracked_actor_task import TrackedActorTask
from ray.exceptions import OutOfMemoryError
from ray.tune import Trainable
from ray.tune.trainable.function_trainable import wrap_function

from raytrain.cluster.reasons import MemoryKillError
from raytrain.runs.messages import warn

QUIET = ("ray._private.authentication", "ray.tune.analysis.experiment_analysis")
"""Loggers to silence. The first writes a long warning that repeats raytrain's line about the token.
The second lists the trials that never started when a search ran out of time."""

ANSWER_S = 6.0


def read_settings_again() -> None:
    """Let Ray read its settings from the environment once more.

    Ray reads them when it is imported. A notebook may have imported Ray before raytrain set them.
    """
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()
    for name, variable in (
        ("ENABLE_RAY_CLUSTER", ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR),
        ("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "RAY_ENABLE_UV_RUN_RUNTIME_ENV"),
    ):
        now = ray_constants.env_bool(variable, getattr(ray_constants, name))
        setattr(ray_constants, name, now)


def refuse_silent(address: str) -> None:
    """Raise ConnectionError when nothing at a RAY_ADDRESS speaks Ray's protocol within 6 s.

    Ray's own clients wait for at least 40 s, and print messages in that time.
    """
    place = address.removeprefix("ray://")
    if place == address:
        place = canonicalize_bootstrap_address(address) or ""
    channel = init_grpc_channel(place)
    try:
        grpc.channel_ready_future(channel).result(timeout=ANSWER_S)
    except grpc.FutureTimeoutError:
        raise ConnectionError(f"nothing answered within {ANSWER_S:g} s") from None
    finally:
        channel.close()


def cluster_config() -> Any:
    """Return the autoscaler's limits on a managed cluster, or None. No public function returns the
    limits."""
    return ray._private.state.state.get_cluster_config()


def kuberay_config() -> dict[str, Any] | None:
    """Return what Ray's autoscaler concludes from this pod's RayCluster; None outside KubeRay, or
    if the cluster has no autoscaler.

    No public call returns it. The operator sets both variables in every pod, and gives the head of
    a cluster with an autoscaler the right to read its RayCluster.
    """
    names = (os.environ.get("RAY_CLUSTER_NAME"), os.environ.get("RAY_CLUSTER_NAMESPACE"))
    if None in names:
        return None
    # They read the address of Kubernetes when they are imported.
    from ray.autoscaler._private.kuberay.autoscaling_config import (
        _derive_autoscaling_config_from_ray_cr,
    )
    from ray.autoscaler._private.kuberay.node_provider import KubernetesHttpApiClient

    try:
        cluster = KubernetesHttpApiClient(names[1]).get(f"rayclusters/{names[0]}")
    except (OSError, ValueError) as error:
        warn(
            f"the size that the cluster can grow to is unknown: {error}; raytrain counts only the "
            "nodes that are there"
        )
        return None
    grows = cluster["spec"].get("enableInTreeAutoscaling")
    return _derive_autoscaling_config_from_ray_cr(cluster) if grows else None


def name_process(title: str) -> None:
    """Show this worker process under a name in `top` and in the dashboard, as Ray itself does.

    Only Ray's copy of setproctitle works in a Ray worker.
    """
    setproctitle(title)


def named_trainable(function: Callable[[dict[str, Any]], None], name: str) -> type[Trainable]:
    """Return the class that Tune makes of a trial's function, under a name that can be read.

    The dashboard lists actors and their tasks by the class, which is `ImplicitFunc` for Tune.
    """
    made: type[Trainable] = wrap_function(function, name)
    made.__name__ = made.__qualname__ = name.replace(".", "_")
    return made


@contextmanager
def memory_kills_are_failures() -> Iterator[None]:
    """Let Tune retry a trial when Ray's memory monitor killed its process.

    Tune in Ray 2.60 handles dead actors and failed calls. It does not handle the OutOfMemoryError
    that Ray raises for such a kill, and ends the search ("Caught unexpected exception").
    """
    failed = RayActorManager._actor_task_failed

    def handled(
        manager: RayActorManager, tracked_actor_task: TrackedActorTask, exception: Exception
    ) -> None:
        if isinstance(exception, OutOfMemoryError):
            exception = MemoryKillError(error_msg=str(exception))
        failed(manager, tracked_actor_task, exception)

    RayActorManager._actor_task_failed = handled
    try:
        yield
    finally:
        RayActorManager._actor_task_failed = failed
