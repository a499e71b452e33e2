"""Print which resources work waits for while others use all places."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import ray
from ray.util.state import list_actors, list_tasks

from raytrain.cluster.resources import GIB, Need, bundle
from raytrain.runs.messages import say
from raytrain.runs.repeated import repeated

LOOK_S = 10.0
RUNNING_LOOKS = 6
"""While work runs, the state of the cluster is read only every sixth time."""
NAMED = 3
"""Largest number of other actors and tasks that a message names."""


@contextmanager
def waiting_said(need: Need) -> Iterator[None]:
    """While none of this process's work runs, print what it waits for, whenever that changes."""
    said, looks_left = "", 0

    def look() -> None:
        nonlocal said, looks_left
        looks_left -= 1
        if looks_left > 0:
            return
        # The state of a cluster may be unavailable for a while, or altogether.
        with suppress(Exception):
            text = waiting_text(need)
            if text and text != said:
                say(text)
            said, looks_left = text, 1 if text else RUNNING_LOOKS

    with repeated(look, LOOK_S, "waiting"):
        yield


def waiting_text(need: Need) -> str:
    """Return a text such as `waiting for 1 CPU: 2 of 2 are taken by Hog (job 02000000)`; empty
    while there is a free place, or while work of this job runs."""
    total, free = ray.cluster_resources(), ray.available_resources()
    lacking = [key for key, value in bundle(need).items() if value and free.get(key, 0.0) < value]
    users = _users()
    job = ray.get_runtime_context().get_job_id()
    if not lacking or any(user.job_id == job for user in users):
        return ""
    parts = []
    for key in lacking:
        unit, size = ("GB of memory", GIB) if key == "memory" else (key, 1)
        had = total.get(key, 0.0) / size
        taken = had - free.get(key, 0.0) / size
        parts.append(f"{bundle(need)[key] / size:g} {unit}: {taken:.3g} of {had:.3g} are taken")
    # Few actors have a name.
    named = [(user.name or getattr(user, "class_name", ""), user.job_id) for user in users]
    names = dict.fromkeys(f"{name} (job {job_id})" for name, job_id in named)
    others = ", ".join(list(names)[:NAMED]) + (", ..." if len(names) > NAMED else "")
    return f"waiting for {', '.join(parts)}" + (f" by {others}" if others else "")


def _users() -> list[Any]:
    """Return the actors and tasks that hold CPUs or GPUs."""
    living = list_actors(filters=[("state", "=", "ALIVE")], detail=True, limit=1000)
    running = list_tasks(filters=[("state", "=", "RUNNING")], detail=True, limit=1000)
    found = [(each, each.required_resources or {}) for each in (*living, *running)]
    return [each for each, held in found if any(key.startswith(("CPU", "GPU")) for key in held)]
