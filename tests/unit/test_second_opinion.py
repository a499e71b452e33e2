"""A second decoder: silent where it agrees, one line where it does not."""

from pathlib import Path

import pytest

from raytrain.data.second_opinion import decoder_disagreement
from tests.image_files import IMAGES, RGB, write_undeclared

BEYOND_PILLOW = ("tiff lzw", "tiff planar", "tiff with infrared")
"""It knows neither 16-bit colors in TIFF, nor tifffile's planes, nor a fourth band: reported."""


@pytest.mark.parametrize("kind", [kind for kind in IMAGES if "undeclared" not in kind])
def test_decoders_agree_on_what_is_declared_well(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    name, write, _ = IMAGES[kind]
    write(tmp_path / name)
    found = decoder_disagreement(tmp_path / name)
    assert found is None or (kind in BEYOND_PILLOW and "Pillow" in found)
    assert capfd.readouterr().err == ""


def test_a_disagreement_is_told_in_a_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_undeclared(tmp_path / "1.tif", RGB)
    text = decoder_disagreement(tmp_path / "1.tif")
    used = "raytrain uses 3 channels of uint8"
    assert text == f"{tmp_path / '1.tif'}: Pillow cannot read this file; {used}"
    assert capfd.readouterr().err == ""
