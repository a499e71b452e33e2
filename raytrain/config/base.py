"""What every spec shares: frozen, and refusing keys that it does not know."""

from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Spec(BaseModel):
    """A frozen description of one thing; unknown keys are refused, defaults are values too."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


def named_by_default(name: str) -> BeforeValidator:
    """For a choice of specs told apart by `name`: `{lr: 3e-4}` means the one of this name."""

    def filled(value: Any) -> Any:
        return {"name": name, **value} if isinstance(value, dict) and "name" not in value else value

    return BeforeValidator(filled)
