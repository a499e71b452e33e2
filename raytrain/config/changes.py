"""Rates and the like that change in the course of a training."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, ValidationError, field_validator

from raytrain.config.base import Spec
from raytrain.config.errors import unknown_name
from raytrain.config.optimizers import OptimizerSpec

CHANGEABLE = ("optimizer.lr", "optimizer.weight_decay", "optimizer.momentum", "clip_norm")
"""What may be another number from some epoch on; all else is what a checkpoint is made of."""


class ChangeSpec(Spec):
    """Other numbers from some epoch on, such as `{after: 20, values: {optimizer.lr: 3e-4}}`."""

    after: int = Field(ge=1)
    """The last epoch without them."""
    values: dict[str, Annotated[float, Field(ge=0)]] = Field(min_length=1)
    """Dotted path under `trial` -> number. A rate is what the schedule multiplies."""

    @field_validator("values")
    @classmethod
    def _known(cls, values: dict[str, float]) -> dict[str, float]:
        for path in values:
            if path not in CHANGEABLE:
                raise ValueError(unknown_name(path, CHANGEABLE))
        return values


def of_optimizer(values: Mapping[str, float]) -> dict[str, float]:
    """Of these paths those of the optimizer, by its own names."""
    parts = {path.partition("."): value for path, value in values.items()}
    return {name: value for (part, _, name), value in parts.items() if part == "optimizer"}


def change_problem(change: ChangeSpec, optimizer: OptimizerSpec) -> str | None:
    """Why this optimizer cannot go on so, or None."""
    now = optimizer.model_dump()
    values = of_optimizer(change.values)
    for name in values:
        if name not in now:
            return f"{optimizer.name} has no {name}"
    if "momentum" in values and not (values["momentum"] and now["momentum"]):
        return "momentum cannot be switched on or off on the way"
    try:
        optimizer.model_validate({**now, **values})
    except ValidationError as error:
        found = error.errors()[0]
        return f"optimizer.{found['loc'][0]}: {found['msg']}"
    return None
