"""Keys of a job whose value is one of several specs with a `name`."""

from collections.abc import Iterator
from functools import cache
from typing import Literal, get_origin

from pydantic import BaseModel

from raytrain.config.errors import models_in


@cache
def named_parts(root: type[BaseModel]) -> frozenset[str]:
    """Return the keys below the spec `root`, at any depth, whose value is a spec with a fixed
    `name`. The name decides which other keys are valid beside it."""
    return frozenset(_named(root, set()))


def _named(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[str]:
    seen.add(model)
    for key, field in model.model_fields.items():
        for part in (field.annotation, *field.metadata):
            for inner in models_in(part):
                name = inner.model_fields.get("name")
                if name is not None and get_origin(name.annotation) is Literal:
                    yield key
                if inner not in seen:
                    yield from _named(inner, seen)
