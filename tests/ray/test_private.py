"""The names that Ray 2.60 does not make public are as `cluster/private.py` uses them."""

import importlib.util
import inspect

import ray
from ray import tune
from ray._private.state import GlobalState
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import OutOfMemoryError, RayActorError

from raytrain.cluster.private import QUIET, memory_kills_are_failures, named_trainable
from raytrain.cluster.reasons import MemoryKillError


def test_tune_is_given_an_actors_death_for_a_kill_by_the_memory_monitor() -> None:
    given = []

    def recorded(manager: object, tracked_actor_task: object, exception: Exception) -> None:
        given.append(exception)

    own = RayActorManager._actor_task_failed
    assert [*inspect.signature(own).parameters] == ["self", "tracked_actor_task", "exception"]
    RayActorManager._actor_task_failed = recorded
    try:
        with memory_kills_are_failures():
            for error in (OutOfMemoryError("too much"), RayActorError()):
                RayActorManager._actor_task_failed(None, None, error)
        assert RayActorManager._actor_task_failed is recorded
    finally:
        RayActorManager._actor_task_failed = own
    killed, died = given
    assert isinstance(killed, MemoryKillError)
    assert isinstance(killed, RayActorError)
    assert "too much" in str(killed)
    assert type(died) is RayActorError


def test_the_other_names_are_there() -> None:
    """`refuse_silent` and `name_process` run in test_connect.py and test_launch.py."""
    assert not inspect.signature(GlobalState.get_cluster_config).parameters.keys() - {"self"}
    assert all(importlib.util.find_spec(name) is not None for name in QUIET)


def test_the_class_of_a_trial_has_the_name_that_is_given() -> None:
    def trial(config: dict) -> None:
        del config

    places = tune.PlacementGroupFactory([{"CPU": 1}])
    found = named_trainable(tune.with_resources(trial, places), "a.b search")
    assert found.default_resource_request({}) == places
    actor = ray.remote(found)
    assert actor.__ray_metadata__.class_name == "a_b search"
