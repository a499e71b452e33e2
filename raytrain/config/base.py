"""The base class of all specs: frozen, and strict about unknown keys."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

FOLDER_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""Pattern of names that become part of a path. Such a name cannot lead out of a folder."""


def below(path: str) -> str:
    """Return `path` if it stays below the folder that it is joined to. Raises ValueError
    otherwise."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path:
        raise ValueError(f"{path!r} is not a path below the run's folder")
    return path


class Spec(BaseModel):
    """Base of all specs. A spec is immutable, describes one thing and refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    @classmethod
    def marked(cls, mark: str) -> set[str]:
        """Return the names of the fields whose annotation contains this mark."""
        return {name for name, field in cls.model_fields.items() if mark in field.metadata}


@dataclass(frozen=True)
class _NamedByDefault:
    """Fills in a missing `name`, and makes `name` optional for its spec in the JSON schema."""

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


def named_by_default(name: str) -> _NamedByDefault:
    """Make `name` the default of a union of specs: `{lr: 3e-4}` means the spec of this name."""
    return _NamedByDefault(name)
