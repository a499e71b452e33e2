"""`config.json`: the job of a run folder; earlier ones stay readable in `configs/`."""

import json
from typing import Any

from raytrain.config.flat import flat
from raytrain.config.job import JobSpec
from raytrain.runs.files import read_json, write_json
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.layout import RunDir

SHOWN = 6
"""Changed fields that are named."""


def keep_job(run: RunDir, job: JobSpec) -> str | None:
    """Write the job. Returns what it changes of the one before in a line, or None."""
    now = job.model_dump(mode="json")
    before = read_json(run.config) if run.config.is_file() else now
    if before == now:
        write_json(run.config, now)
        return None
    kept = run.configs / f"{fingerprint(before)}.json"
    write_json(kept, before)
    write_json(run.config, now)
    return f"the job changed: {_changes(before, now)} (the one before: {kept})"


def _changes(before: Any, now: Any) -> str:
    old, new = flat(before), flat(now)
    paths = [path for path in dict.fromkeys((*old, *new)) if old.get(path) != new.get(path)]
    told = [f"{path} {_text(old, path)} -> {_text(new, path)}" for path in paths[:SHOWN]]
    more = [f"{len(paths) - SHOWN} more fields"] if len(paths) > SHOWN else []
    return ", ".join(told + more)


def _text(tree: dict[str, Any], path: str) -> str:
    return json.dumps(tree[path]) if path in tree else "nothing"
