"""What every spec shares: frozen, and refusing keys that it does not know."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

FOLDER_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""Names that become a part of a path: they never lead out of a folder."""


def below(path: str) -> str:
    """A path that stays below the folder it is joined to. Raises ValueError for any other."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path:
        raise ValueError(f"{path!r} is no path below the run's folder")
    return path


class Spec(BaseModel):
    """A frozen description of one thing; unknown keys are refused, defaults are values too."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


@dataclass(frozen=True)
class _NamedByDefault:
    """Fills in a name that is left out, and says in the JSON schema whose it is."""

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
    """For a choice of specs told apart by `name`: `{lr: 3e-4}` means the one of this name."""
    return _NamedByDefault(name)
