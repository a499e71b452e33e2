"""Detect lossy compression in formats in which only the stream itself shows it."""


def lossy_webp(content: bytes) -> bool:
    """Return whether a WebP stream is lossy (`VP8 `, where `VP8L` is lossless)."""
    return b"VP8 " in content


def lossy_jpeg2000(content: bytes) -> bool:
    """Return whether a JPEG 2000 stream uses the irreversible wavelet.

    A stream with the reversible wavelet may have been truncated to a size, which cannot be
    detected.
    """
    start = content.find(b"\xff\x4f\xff\x51")  # start of the stream, in JP2's boxes or bare
    style = content.find(b"\xff\x52", start)
    return style < 0 or content[style + 13 : style + 14] != b"\1"
