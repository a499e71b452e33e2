"""DICOM files, with the optional extra `raytrain[dicom]`."""

from pathlib import Path
from typing import Any

import numpy as np

from raytrain.data.stored import Stored, reason_of, unreadable


def is_dicom(head: bytes) -> bool:
    """Return whether the first 132 bytes of a file are those of a DICOM file. The file's name does
    not matter."""
    return head[128:132] == b"DICM"


def read_dicom(path: Path) -> Stored:
    """Return the values of a DICOM file, HxW or HxWxC, in the units of the modality, such as
    Hounsfield units (float32, unless these are the stored values).

    Raises ValueError without pydicom, or when the file is not one complete picture.
    """
    try:
        import pydicom
    except ImportError:
        raise ValueError(
            f'{path}: DICOM files need an extra package: pip install "raytrain[dicom]"'
        ) from None
    try:
        data = pydicom.dcmread(path)
        frames = int(data.get("NumberOfFrames") or 1)
        if frames > 1:
            raise ValueError(f"has {frames} frames; save each as a separate file")
        values = _in_units(data)
    except (NotImplementedError, RuntimeError) as error:
        raise ValueError(
            f"{path}: unreadable on this machine ({reason_of(error)}); install what is missing, or "
            "save the image as PNG or TIFF"
        ) from None
    except Exception as error:
        raise unreadable(path, reason_of(error)) from None
    lossy = "DICOM with lossy compression" if data.get("LossyImageCompression") == "01" else ""
    return Stored(reader="pydicom", values=values, lossy=lossy)


def _in_units(data: Any) -> np.ndarray:
    from pydicom.pixels import apply_rescale

    stored = data.pixel_array
    same = (
        "ModalityLUTSequence" not in data
        and float(data.get("RescaleSlope") or 1) == 1
        and float(data.get("RescaleIntercept") or 0) == 0
    )
    values = stored if same else apply_rescale(stored, data).astype(np.float32)
    if data.PhotometricInterpretation != "MONOCHROME1":
        return values
    # The highest value is black. Values are inverted within the range that the file could hold, not
    # the one that it does hold, because the slices of a series must keep one scale.
    bits = int(data.BitsStored)
    low = -(2 ** (bits - 1)) if stored.dtype.kind == "i" else 0
    high = low + 2**bits - 1
    ends = np.array([low, high], stored.dtype)
    total = low + high if same else float(apply_rescale(ends, data).sum())
    return np.asarray(total - values, values.dtype)
