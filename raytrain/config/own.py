"""Parts that a user's file adds to ours: `extend: my.py` (`config/extend.py` reads the file).

The spec of such a part bears the hash of its file, so that records, fingerprints and checkpoints
name the very text that they came from. Several texts of one file may be known at once: what a job
file names is the one that the job extends by, what a record names is the one that it bears.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeVar

from pydantic import GetCoreSchemaHandler, ValidationError, model_validator
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from raytrain.config.base import Spec

Part = TypeVar("Part")
PREFIX = "raytrain_extend_"
"""Of the modules' names; the hash follows."""


@dataclass(frozen=True)
class Source:
    """A user's file as it was read."""

    name: str
    text: str

    @property
    def hash(self) -> str:
        """Twelve hex digits of its SHA-256."""
        return sha256(self.text.encode()).hexdigest()[:12]


class OwnSpec(Spec):
    """What the specs of all rooms have that a user's file adds."""

    name: str
    extend: str = ""
    """Hash of the file; filled in."""

    @model_validator(mode="before")
    @classmethod
    def _bears_its_hash(cls, value: Any) -> Any:
        own = cls.__module__.removeprefix(PREFIX)
        return {**value, "extend": own} if isinstance(value, dict) else value


@dataclass
class _Known:
    """All that was read in this process."""

    parts: dict[tuple[str, type[OwnSpec]], Any]
    """(room, spec) -> what that room's dict has for it."""
    specs: dict[tuple[str, str, str], type[OwnSpec]]
    """(room, name, hash) -> spec."""
    current: tuple[Source, ...]
    """What the job extends by."""


_KNOWN = _Known({}, {}, ())


def remember(source: Source, parts: Mapping[str, Mapping[type[OwnSpec], Any]]) -> None:
    """Make a file's parts known, room by room."""
    for room, table in parts.items():
        for spec, part in table.items():
            _KNOWN.parts[room, spec] = part
            _KNOWN.specs[room, spec.model_fields["name"].default, source.hash] = spec


def extend_by(sources: tuple[Source, ...]) -> None:
    """From now on, names without a hash are those of these files, which are known."""
    _KNOWN.current = sources


def current_sources() -> tuple[Source, ...]:
    """The files that the job extends by."""
    return _KNOWN.current


def own_specs(room: str) -> dict[str, type[OwnSpec]]:
    """Name -> spec of what the job's files add to a room."""
    hashes = [source.hash for source in _KNOWN.current]
    return {name: spec for (r, name, h), spec in _KNOWN.specs.items() if r == room and h in hashes}


def spec_of(room: str, name: str, hash: str) -> type[OwnSpec]:
    """Raises KeyError when that text of the file was not read."""
    return _KNOWN.specs[room, name, hash]


def part_of(room: str, spec: Any, ours: Mapping[str, Part]) -> Part:
    """What a room has for a spec: its own dict's by name, or a user's."""
    return _KNOWN.parts[room, type(spec)] if isinstance(spec, OwnSpec) else ours[spec.name]


def has_part(room: str, spec: Any, ours: Mapping[str, Any]) -> bool:
    """Whether `part_of` would find anything."""
    return (room, type(spec)) in _KNOWN.parts if isinstance(spec, OwnSpec) else spec.name in ours


@dataclass(frozen=True)
class Widened:
    """Stands in the annotation of a choice of specs told apart by `name`: users' may join it."""

    room: str
    by_word: bool = False
    """Whether a bare `my_metric` means `{name: my_metric}`."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        # Serialised by what it is, for it may be none of the choice's own specs.
        return core_schema.no_info_wrap_validator_function(
            self._validated, handler(source), serialization=core_schema.simple_ser_schema("any")
        )

    def _validated(self, value: Any, ours: core_schema.ValidatorFunctionWrapHandler) -> Any:
        own = own_specs(self.room)
        tree = {"name": value} if self.by_word and isinstance(value, str) else value
        if isinstance(value, OwnSpec) and (self.room, type(value)) in _KNOWN.parts:
            return value
        if isinstance(tree, dict) and isinstance(tree.get("name"), str):
            name, spec = tree["name"], own.get(tree["name"])
            if "extend" in tree:
                spec = _KNOWN.specs.get((self.room, name, str(tree["extend"])))
                if spec is None:
                    raise ValueError(f"{name} is of a file that is not here ({tree['extend']})")
            if spec is not None:
                try:
                    return spec.model_validate(tree)
                except ValidationError as error:
                    raise _placed(error, (name,), "") from None
        if not own:
            return ours(value)
        try:
            return ours(value)
        except ValidationError as error:
            raise _placed(error, (), "".join(f", {name!r}" for name in own)) from None


def _placed(error: ValidationError, before: tuple[str, ...], names: str) -> ValidationError:
    """The same errors, `before` put before their places, and more names to choose from."""
    items = []
    for item in error.errors(include_url=False):
        context = dict(item.get("ctx", {}))
        if item["type"] == "union_tag_invalid" and not item["loc"]:
            context["expected_tags"] += names
        items.append(
            InitErrorDetails(
                type=PydanticCustomError(item["type"], item["msg"], context),
                loc=(*before, *item["loc"]),
                input=item["input"],
            )
        )
    return ValidationError.from_exception_data(error.title, items)
