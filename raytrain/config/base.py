"""What every spec shares: frozen, and refusing keys that it does not know."""

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """A frozen description of one thing; unknown keys are refused, defaults are values too."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
