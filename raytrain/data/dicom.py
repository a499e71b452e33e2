"""DICOM files, with the optional extra `raytrain[dicom]`."""

from pathlib import Path

import numpy as np


def decode_dicom(path: Path) -> np.ndarray:
    """HxW or HxWxC, in the units of the modality (float32 unless they are the stored ones).

    Raises ValueError without pydicom, or when the file is not one whole picture.
    """
    try:
        import pydicom
        from pydicom.pixels import apply_rescale
    except ImportError:
        raise ValueError(
            f'{path}: DICOM files need the extra: pip install "raytrain[dicom]"'
        ) from None
    try:
        data = pydicom.dcmread(path)
        frames = int(data.get("NumberOfFrames") or 1)
        if frames > 1:
            raise ValueError(f"has {frames} frames; save each as a file of its own")
        stored = data.pixel_array
        values = apply_rescale(stored, data)
    except (pydicom.errors.InvalidDicomError, AttributeError, OSError, ValueError) as error:
        raise ValueError(f"{path}: unreadable ({error})") from None
    except (NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{path}: unreadable here ({str(error).splitlines()[0]})") from None
    array = stored if np.array_equal(values, stored) else values.astype(np.float32)
    if data.PhotometricInterpretation == "MONOCHROME1":  # the highest value is black
        array = array.max() + array.min() - array
    return array
