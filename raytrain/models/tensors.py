"""Files of `torch.save`, restricted to tensors and plain values."""

import io
import pickle
from pathlib import Path
from typing import Any

import torch


def load_tensors(path: Path, content: bytes | None = None) -> Any:
    """Return the tensors and plain values in a file of `torch.save`, on the CPU. `content` holds
    the file's bytes, if they have been read already.

    Raises ValueError when it is not such a file, or holds objects that would run code when they are
    loaded.
    """
    try:
        source = io.BytesIO(path.read_bytes() if content is None else content)
        return torch.load(source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ValueError(
            f"{path}: holds Python objects, such as a whole model, and reading them could run "
            "code; save its tensors alone, with torch.save(model.state_dict(), path)"
        ) from None
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from None
    except (RuntimeError, EOFError, KeyError, ValueError) as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ValueError(f"{path}: not a file of torch.save ({reason}); replace it") from None
