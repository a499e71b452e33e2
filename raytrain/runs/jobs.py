"""`config.json`: the job of a run folder. Earlier jobs stay readable in `configs/`."""

import json
from typing import Any

from raytrain.config.flat import flat
from raytrain.config.job import JobSpec
from raytrain.runs.files import read_json, read_spec, write_json
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.layout import RunDir

REMEDY = "delete it: every command with the job's YAML writes it again"
SHOWN = 6
"""Largest number of changed fields that a message names."""


def keep_job(run: RunDir, job: JobSpec) -> str | None:
    """Write the job to the run's folder. Returns one line about the changes from the previous job,
    or None."""
    now = job.model_dump(mode="json")
    before = read_config(run) or now
    if before == now:
        write_json(run.config, now)
        return None
    kept = run.configs / f"{fingerprint(before)}.json"
    write_json(kept, before)
    write_json(run.config, now)
    return f"the job changed: {_changes(before, now)} (the earlier job: {kept})"


def read_config(run: RunDir) -> dict[str, Any] | None:
    """Return the run's job as plain JSON values, or None if there is none."""
    found: dict[str, Any] | None = read_json(run.config, REMEDY) if run.config.is_file() else None
    return found


def read_job(run: RunDir) -> JobSpec | None:
    """Return the run's job, or None if there is none."""
    return read_spec(run.config, JobSpec, REMEDY) if run.config.is_file() else None


def _changes(before: Any, now: Any) -> str:
    old, new = flat(before), flat(now)
    paths = [path for path in dict.fromkeys((*old, *new)) if old.get(path) != new.get(path)]
    told = [f"{path} {_text(old, path)} -> {_text(new, path)}" for path in paths[:SHOWN]]
    more = [f"{len(paths) - SHOWN} more fields"] if len(paths) > SHOWN else []
    return ", ".join(told + more)


def _text(tree: dict[str, Any], path: str) -> str:
    return json.dumps(tree[path]) if path in tree else "nothing"
