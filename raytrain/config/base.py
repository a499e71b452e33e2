"""The base class of all specs: frozen, and strict about unknown keys."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

FOLDER_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""Pattern of names that become part of a path. Such a name cannot lead out of a folder."""


def below(path: str) -> str:
    """Return the relative path `path`. Raises ValueError for a path that is absolute, or that could
    lead out of the folder to which it is joined."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path:
        raise ValueError(f"{path!r} is not a path below the run's folder; write it without ..")
    return path


class Spec(BaseModel):
    """Base class of all specs (typed parts of a job file). A spec is immutable, and refuses unknown
    keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    @classmethod
    def marked(cls, mark: str) -> set[str]:
        """Return the names of the fields that are annotated as `Annotated[..., mark]`."""
        return {name for name, field in cls.model_fields.items() if mark in field.metadata}


@dataclass(frozen=True)
class NamedByDefault:
    """Annotation of a union of specs. In a mapping without `name`, such as `{lr: 3e-4}`, it fills
    in this name. In the JSON schema, the spec of this name does not require `name`."""

    name: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._filled, handler(source))

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler(core)
        if "oneOf" not in schema:
            return schema
        mine = schema["discriminator"]["mapping"][self.name]
        parts = [
            part if part.get("$ref") == mine else {**part, "required": ["name"]}
            for part in schema["oneOf"]
        ]
        return {**schema, "oneOf": parts}

    def _filled(self, value: Any) -> Any:
        if isinstance(value, dict) and "name" not in value:
            return {"name": self.name, **value}
        return value


def _rising(value: tuple[int, ...]) -> tuple[int, ...]:
    if any(first >= second for first, second in pairwise(value)):
        raise ValueError(f"write the numbers in rising order, each once (got {list(value)})")
    return value


RISING = AfterValidator(_rising)
"""Annotation of whole numbers, each of which is larger than the one before it."""
