"""Ranges [lowest, highest] from which a transform draws. A single number is refused, because
albumentations reads it as 0 .. v, -v .. v or v, depending on the parameter."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidatorFunctionWrapHandler, WrapValidator


def _rising(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(f"give two numbers, [lowest, highest] (got {value!r})")
    low, high = check(value)
    if low > high:
        raise ValueError(f"give the lower number first (got {[low, high]})")
    return low, high


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError(f"give an odd number of pixels (got {value})")
    return value


_Angle = Annotated[float, Field(ge=-360, le=360)]
_Slant = Annotated[float, Field(ge=-60, le=60)]
_Signed = Annotated[float, Field(ge=-1, le=1)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Part = Annotated[float, Field(ge=0, lt=1)]
_Corner = Annotated[float, Field(ge=0, le=0.3)]
_Factor = Annotated[float, Field(ge=0, le=10)]
_Zoom = Annotated[float, Field(ge=0.1, le=10)]
_Percent = Annotated[float, Field(ge=1, le=1000)]
_Noise = Annotated[float, Field(ge=0.001, le=10)]
_Sigma = Annotated[float, Field(ge=0.01, le=50)]
_Limit = Annotated[float, Field(ge=1, le=100)]
_Hue = Annotated[float, Field(ge=-0.5, le=0.5)]
_Count = Annotated[int, Field(ge=1, le=100)]
_Size = Annotated[int, Field(ge=3, le=99), AfterValidator(_odd)]

Angles = Annotated[tuple[_Angle, _Angle], WrapValidator(_rising)]
"""Angles in degrees."""
Slants = Annotated[tuple[_Slant, _Slant], WrapValidator(_rising)]
"""Shear angles in degrees."""
SignedShares = Annotated[tuple[_Signed, _Signed], WrapValidator(_rising)]
Shares = Annotated[tuple[_Share, _Share], WrapValidator(_rising)]
Parts = Annotated[tuple[_Part, _Part], WrapValidator(_rising)]
"""Fractions of the side, below 1. albumentations reads 1 and more as pixels."""
Corners = Annotated[tuple[_Corner, _Corner], WrapValidator(_rising)]
Factors = Annotated[tuple[_Factor, _Factor], WrapValidator(_rising)]
Zooms = Annotated[tuple[_Zoom, _Zoom], WrapValidator(_rising)]
Percents = Annotated[tuple[_Percent, _Percent], WrapValidator(_rising)]
Noises = Annotated[tuple[_Noise, _Noise], WrapValidator(_rising)]
Sigmas = Annotated[tuple[_Sigma, _Sigma], WrapValidator(_rising)]
"""Standard deviations in pixels."""
Limits = Annotated[tuple[_Limit, _Limit], WrapValidator(_rising)]
Hues = Annotated[tuple[_Hue, _Hue], WrapValidator(_rising)]
Counts = Annotated[tuple[_Count, _Count], WrapValidator(_rising)]
Sizes = Annotated[tuple[_Size, _Size], WrapValidator(_rising)]
"""Side of a filter in pixels, an odd number."""
