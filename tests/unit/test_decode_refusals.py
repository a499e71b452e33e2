"""Decoding: files that cannot be used, each named with the reason and without noise."""

import io
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from raytrain.data.checks import inspect
from raytrain.data.decode import decode_image, decode_layers, decode_mask
from raytrain.data.second_opinion import decoder_disagreement
from raytrain.data.stacks import open_stack
from tests.image_files import (
    DEEP,
    GRAY,
    PNG_GRAY_ALPHA,
    RGB,
    RNG,
    saved,
    write_deep_png,
    write_dicom,
    write_undeclared,
)


def _animated() -> bytes:
    frames = [Image.fromarray(array) for array in (GRAY, 255 - GRAY)]
    return saved(frames[0], format="PNG", save_all=True, append_images=frames[1:])


def _pages(**options: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.stack([GRAY] * 2), photometric="minisblack", **options)
    return buffer.getvalue()


def _stored(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


TRUNCATED = saved(Image.fromarray(RNG.integers(0, 256, (64, 64)).astype(np.uint8)), format="PNG")
SOFT = np.where(GRAY < 100, GRAY, 255).astype(np.uint8)
BROKEN: dict[str, tuple[str, bytes, str]] = {
    "empty": ("x.png", b"", "the file is empty"),
    "text": ("x.png", b"not a picture", "not an image"),
    "truncated png": ("x.png", TRUNCATED[: len(TRUNCATED) // 2], "unreadable"),
    "corrupt png": ("x.png", TRUNCATED[:99] + b"\0" * 99 + TRUNCATED[198:], "unreadable"),
    "truncated tiff": ("x.tif", _pages()[:60], "unreadable"),
    "hidden by alpha": (
        "x.png", saved(Image.fromarray(np.dstack([RGB, GRAY])), format="PNG"),
        f"alpha channel hides {(GRAY != 255).sum()} px",
    ),
    "hidden by alpha of a tiff": (
        "x.tif", saved(Image.fromarray(np.dstack([RGB, SOFT])), format="TIFF"),
        f"alpha channel hides {(SOFT != 255).sum()} px",
    ),
    "cmyk": ("x.jpg", saved(Image.new("CMYK", (8, 8)), format="JPEG"), "convert it to RGB"),
    "animated": ("x.png", _animated(), "has 2 pages or frames"),
    "pages": ("x.tif", _pages(), "has 2 pages"),
    "pages without directories": ("x.tif", _pages(truncate=True), "has 2 pages"),
    "pages of imagej": ("x.tif", _pages(truncate=True, imagej=True), "has 2 pages"),
    "objects": ("x.npy", _stored(np.array([{}])), "pickled objects"),
    "words": ("x.npy", _stored(np.array([["a"]])), "not numbers"),
    "half a header": ("x.npy", _stored(GRAY).replace(b"}", b"("), "unreadable"),
    "flat": ("x.npy", _stored(np.arange(4)), "height x width"),
    "nan": ("x.npy", _stored(np.array([[1.0, np.nan, np.inf]])), "2 values are not finite"),
    "channels first": (
        "x.npy", _stored(np.moveaxis(RGB, 2, 0)),
        r"3 x 7 x 9 looks like channels x height x width; save numpy\.moveaxis\(array, 0, -1\)",
    ),
    "bands first": ("x.npy", _stored(np.zeros((12, 64, 64))), "12 x 64 x 64 looks like channels"),
    "no dicom": ("x.dcm", b"x" * 300, "unreadable"),
    "half a dicom": ("x", b"\0" * 128 + b"DICM", "unreadable"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    name, content, words = BROKEN[kind]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=words) as caught:
        decode_image(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert capfd.readouterr().err == ""


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    for name in ("folder.png", "loop.png", "gone.png"):
        with pytest.raises(ValueError, match=f"{name}: unreadable"):
            decode_image(tmp_path / name)


def test_deep_gray_behind_alpha(tmp_path: Path) -> None:
    alpha = np.full((7, 9), 65535)
    alpha[2, :4] = 65534
    write_deep_png(tmp_path / "x.png", np.dstack([DEEP[..., 0], alpha]), PNG_GRAY_ALPHA)
    with pytest.raises(ValueError, match="alpha channel hides 4 px"):
        decode_image(tmp_path / "x.png")


def test_arrays_with_many_channels_last_are_no_mistake(tmp_path: Path) -> None:
    for shape in ((9, 9, 103), (20, 20, 5), (145, 145, 200), (3, 5, 4)):
        np.save(tmp_path / "x.npy", np.zeros(shape, np.uint8))
        assert decode_image(tmp_path / "x.npy").shape == shape


def test_a_tiff_that_stores_more_samples_than_it_declares(tmp_path: Path) -> None:
    write_undeclared(tmp_path / "x.tif", RGB, declared=1)
    with pytest.raises(ValueError, match=r"x\.tif: .*declares 1 sample\(s\) per pixel but has 3"):
        decode_image(tmp_path / "x.tif")


def test_a_dicom_of_several_frames_is_refused(tmp_path: Path) -> None:
    write_dicom(tmp_path / "x.dcm", DEEP[..., 0], NumberOfFrames=1)
    assert decode_image(tmp_path / "x.dcm").shape == (*DEEP.shape[:2], 1)
    write_dicom(tmp_path / "x.dcm", np.stack([DEEP[..., 0]] * 2), NumberOfFrames=2)
    with pytest.raises(ValueError, match=r"x\.dcm: unreadable \(has 2 frames; save each as"):
        decode_image(tmp_path / "x.dcm")


def test_tiffs_that_are_cut_or_of_inks(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "z.tif", DEEP, compression="zlib", photometric="rgb")
    whole = (tmp_path / "z.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "z.tif") as file:
        start = file.pages.first.dataoffsets[0]
    (tmp_path / "z.tif").write_bytes(whole[: start + 20] + b"\0" * 40 + whole[start + 60 :])
    with pytest.raises(ValueError, match=r"z\.tif: unreadable"):
        decode_image(tmp_path / "z.tif")
    inks = np.zeros((7, 9, 4), np.uint8)
    tifffile.imwrite(tmp_path / "c.tif", inks, photometric="separated")
    with pytest.raises(ValueError, match=r"c\.tif: .*CMYK"):
        decode_image(tmp_path / "c.tif")


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n"


@pytest.mark.parametrize("read", [decode_image, decode_mask, decoder_disagreement])
def test_a_program_that_is_called_an_image_is_not_run(
    read: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*words: object, **options: object) -> None:
        raise AssertionError(f"{words} was run")

    monkeypatch.setattr(subprocess, "Popen", run)
    (tmp_path / "x.png").write_bytes(EPS)
    if read is decoder_disagreement:
        assert read(tmp_path / "x.png") is None
    else:
        with pytest.raises(ValueError, match=r"x\.png: unreadable \(not an image\)"):
            read(tmp_path / "x.png")


@pytest.mark.parametrize("name", ["x.png", "x.npy", "x.tif"])
@pytest.mark.parametrize("read", [decode_image, decode_mask, decode_layers, open_stack])
def test_what_may_have_no_end_is_not_opened(
    read: Callable[[Path], object], name: str, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / name)
    (tmp_path / f"zero_{name}").symlink_to("/dev/zero")
    for path in (tmp_path / name, tmp_path / f"zero_{name}"):
        with pytest.raises(ValueError, match="not a regular file"):
            read(path)


def test_a_pipe_among_the_images_is_named_by_check(competition) -> None:
    competition.fill(train=1, val=1, test=1)
    competition.image("train", "cmr1").unlink()
    os.mkfifo(competition.image("train", "cmr1"))
    with pytest.raises(ValueError, match=r"cmr1\.png: unreadable \(not a regular file\)"):
        inspect(competition.spec("N"))
