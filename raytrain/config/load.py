"""Load a checked JobSpec from a YAML file, a profile and `--set` overrides."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from raytrain.config.codes import CodedError
from raytrain.config.errors import config_error, problems_of, unknown_name
from raytrain.config.extend import extend_from
from raytrain.config.job import JobSpec
from raytrain.config.named import named_parts
from raytrain.config.space import as_part, set_path, whole_first
from raytrain.config.space_check import space_problems
from raytrain.config.trial import TrialSpec
from raytrain.config.yaml_text import read_yaml


def load_job(path: Path, overrides: list[str] | None = None, profile: str | None = None) -> JobSpec:
    """Return the checked job of a YAML file. Raises ValueError that lists every problem at once.

    A file may hold `profiles` (name -> part of a job, which replaces the same keys of the file) and
    `profile`, the name of the one to use by default. Overrides read `dotted.path=value`, with the
    value as YAML. Their order does not matter: a whole is set before its parts, and a `name` before
    the other keys. The files under `extend` are loaded first and stay loaded in this process.
    """
    if not path.is_file():
        raise CodedError("config", f"{path}: no such job file; give the path of a YAML")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CodedError(
            "config", f"{path}: not text in UTF-8: {error}; save it in UTF-8"
        ) from None
    tree = read_yaml(str(path), text)
    if not isinstance(tree, dict):
        raise CodedError("config", f"{path}: a job file holds keys, such as `competition:`")
    named = named_parts(JobSpec)
    profiles = tree.pop("profiles", None) or {}
    profile = profile or tree.pop("profile", None)
    tree.pop("profile", None)
    if not isinstance(profiles, dict):
        raise config_error(str(path), ["profiles: write each as `name: {part of a job}`"])
    if profile is not None and profile not in profiles:
        raise config_error(str(path), [f"profile: {unknown_name(profile, profiles)}"])
    if profile is not None:
        part = profiles[profile] or {}
        if not isinstance(part, dict):
            raise config_error(
                str(path), [f"profiles.{profile}: give keys of a job, such as `trial:`"]
            )
        tree = _laid_over(tree, part, named)
    values: list[tuple[str, Any]] = []
    for override in overrides or []:
        key, equals, value = override.partition("=")
        if not equals or not key:
            raise CodedError("config", f"--set {override}: write it as dotted.path=value")
        values.append((key.strip(), read_yaml(f"--set {override}", value)))
    for key, value in sorted(values, key=lambda pair: whole_first(pair[0])):
        set_path(tree, key, value, named)
    _extend(tree, path)
    return job_from(tree, str(path))


def _extend(tree: dict[str, Any], path: Path) -> None:
    """Load the files under `extend`. Their paths, which are relative to the YAML's folder, become
    absolute. Raises ValueError when they are not texts, or when one of the files fails."""
    names = tree.get("extend") or []
    names = [names] if isinstance(names, str) else names
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise config_error(str(path), [f"extend: give a file, or a list of them (got {names!r})"])
    files = [path.parent.absolute() / Path(name).expanduser() for name in names]
    extend_from(files)
    if files:
        tree["extend"] = [str(file) for file in files]


def job_from(tree: dict[str, Any], source: str) -> JobSpec:
    """Return the checked job of `tree`, the nested values of a job file. Raises ValueError that
    lists every problem, and names the file `source`."""
    problems: list[str] = []
    job = None
    try:
        job = JobSpec.model_validate(tree)
    except ValidationError as error:
        problems = problems_of(error, JobSpec)
    search = tree.get("search")
    space = search.get("space") if isinstance(search, dict) else None
    base = job.trial if job else _valid_trial(tree)
    if isinstance(space, dict):
        problems += space_problems(space, base)
    if problems or job is None:
        raise config_error(source, problems)
    return job


def _valid_trial(tree: dict[str, Any]) -> TrialSpec:
    """Return the trial with which the search space is checked: without the keys that are wrong, if
    the rest is valid, or else the default trial."""
    given = tree.get("trial") or {}
    try:
        return TrialSpec.model_validate(given)
    except ValidationError as error:
        wrong = {each["loc"][0] for each in error.errors() if each["loc"]}
    try:
        return TrialSpec.model_validate({k: v for k, v in given.items() if k not in wrong})
    except (AttributeError, ValidationError):  # the trial may be no mapping
        return TrialSpec()


def _laid_over(tree: dict[str, Any], part: dict[str, Any], named: frozenset[str]) -> dict[str, Any]:
    """Return `tree` with every leaf of `part` merged in. If `name` differs, the whole part is
    replaced."""
    merged = dict(tree)
    for key, value in part.items():
        old = as_part(key, merged.get(key), named)
        if old and isinstance(value, dict) and key != "space":
            other = key in named and value.get("name", old.get("name")) != old.get("name")
            merged[key] = value if other else _laid_over(old, value, named)
        else:
            merged[key] = value
    return merged
