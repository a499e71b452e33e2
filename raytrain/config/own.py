"""Registry of user-defined parts: `extend: my.py` (`config/extend.py` reads the file).

The spec of such a part contains the hash of its file, so that records, fingerprints and checkpoints
identify the exact source. Several versions of one file may be loaded at once. A name in a job file
means the version in the job's `extend`; a name in a record means the version with the record's
hash.
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
"""Prefix of the names of modules that are loaded from users' files; the hash follows."""


@dataclass(frozen=True)
class Source:
    """The text of a user's file."""

    name: str
    text: str

    @property
    def hash(self) -> str:
        """The first twelve hex digits of the SHA-256 of the text."""
        return sha256(self.text.encode()).hexdigest()[:12]


class OwnSpec(Spec):
    """Base class of the specs that a user's file adds."""

    name: str
    extend: str = ""
    """Hash of the file; filled in automatically."""

    @model_validator(mode="before")
    @classmethod
    def _bears_its_hash(cls, value: Any) -> Any:
        own = cls.__module__.removeprefix(PREFIX)
        return {**value, "extend": own} if isinstance(value, dict) else value


@dataclass
class _Known:
    """All user-defined parts that this process has loaded."""

    parts: dict[tuple[str, type[OwnSpec]], Any]
    """(room, spec) -> the entry in the dict of this room. A room is a kind of part, such as
    `LOSSES`."""
    specs: dict[tuple[str, str, str], type[OwnSpec]]
    """(room, name of the part, hash of its file) -> the part's spec class."""
    current: tuple[Source, ...]
    """The files in the job's `extend`."""


_KNOWN = _Known({}, {}, ())


def remember(source: Source, parts: Mapping[str, Mapping[type[OwnSpec], Any]]) -> None:
    """Register the parts of a file. `parts` maps a kind, such as `MODELS`, to the file's parts."""
    for room, table in parts.items():
        for spec, part in table.items():
            _KNOWN.parts[room, spec] = part
            _KNOWN.specs[room, spec.model_fields["name"].default, source.hash] = spec


def extend_by(sources: tuple[Source, ...]) -> None:
    """Make the names in a job refer to the parts of these files, which this process has run
    already. Parts of other files are then found by their file's hash only."""
    _KNOWN.current = sources


def current_sources() -> tuple[Source, ...]:
    """Return the files in the job's `extend`."""
    return _KNOWN.current


def own_specs(room: str) -> dict[str, type[OwnSpec]]:
    """Return name -> spec for the parts of one kind (`room`, such as `LOSSES`) that the job's files
    add."""
    hashes = [source.hash for source in _KNOWN.current]
    return {name: spec for (r, name, h), spec in _KNOWN.specs.items() if r == room and h in hashes}


def spec_of(room: str, name: str, hash: str) -> type[OwnSpec]:
    """Return the spec class of the part `name` of this kind (`room`, such as `LOSSES`), from the
    file with this hash. Raises KeyError when this process has not run the file."""
    return _KNOWN.specs[room, name, hash]


def part_of(room: str, spec: Any, ours: Mapping[str, Part]) -> Part:
    """Return what implements a spec, such as the function that builds its network: the entry of its
    name in the built-in dict `ours`, or of its class in the dict `room` of a user's file."""
    return _KNOWN.parts[room, type(spec)] if isinstance(spec, OwnSpec) else ours[spec.name]


def has_part(room: str, spec: Any, ours: Mapping[str, Any]) -> bool:
    """Return whether something implements a spec: the built-in dict `ours` has its name, or the
    dict `room` of a user's file has its class."""
    return (room, type(spec)) in _KNOWN.parts if isinstance(spec, OwnSpec) else spec.name in ours


@dataclass(frozen=True)
class Widened:
    """Marker in the annotation of a union of specs. It allows user-defined specs in the union."""

    room: str
    by_word: bool = False
    """Whether a bare `my_metric` means `{name: my_metric}`."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        # Serialized by its own type, because it may be none of the union's built-in specs.
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
                    raise ValueError(
                        f"{name} is defined in a Python file that is not loaded here (its hash is "
                        f"{tree['extend']}); name the file in extend"
                    )
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
    """Return the same errors, with `before` prepended to their places, and with more names to
    choose from."""
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
