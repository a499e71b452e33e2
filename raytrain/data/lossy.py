"""Whether compressed numbers are still what was saved, where only the stream itself tells."""


def lossy_webp(content: bytes) -> bool:
    """Whether a WebP stream is of the lossy kind (`VP8 `, where `VP8L` is lossless)."""
    return b"VP8 " in content


def lossy_jpeg2000(content: bytes) -> bool:
    """Whether a JPEG 2000 stream uses the wavelet that cannot be undone.

    A stream of the other wavelet may have been cut to a size: that cannot be told.
    """
    start = content.find(b"\xff\x4f\xff\x51")  # the stream begins, inside JP2's boxes or bare
    style = content.find(b"\xff\x52", start)
    return style < 0 or content[style + 13 : style + 14] != b"\1"
