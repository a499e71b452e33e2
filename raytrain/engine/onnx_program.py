"""A network as an ONNX program, for onnxruntime and other tools. It needs the packages of
`raytrain[onnx]`."""

import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.export import Dim

INPUT, OUTPUT = "images", "probabilities"
"""Names of the program's input and output."""


def write_onnx(network: nn.Module, image_BCHW: torch.Tensor, path: Path) -> None:
    """Write the `.onnx` file for images of this size, in batches of any size.

    Raises ValueError when the packages are not installed or the network cannot be translated.
    """
    _check_installed()
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network, (image_BCHW,), dynamo=True, dynamic_shapes=({0: Dim.DYNAMIC},),
                input_names=[INPUT], output_names=[OUTPUT], verbose=False,
            )  # fmt: skip
            assert program is not None
            program.save(path, external_data=False)
    except Exception as error:  # the translator raises errors of many types
        reason = f"this network cannot be translated to ONNX: {_cause(error)}"
        raise ValueError(f"{reason}; export to a .pt2 file instead") from None


def load_onnx(path: Path) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the function from image_BCHW to prob_BKHW in an `.onnx` file. onnxruntime runs it on
    the CPU. Raises ValueError when it cannot be loaded."""
    _check_installed()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common class
        reason = f"onnxruntime cannot load the program: {_cause(error)}"
        raise ValueError(f"{reason}; export to a .pt2 file instead") from None

    def run(image_BCHW: torch.Tensor) -> torch.Tensor:
        (found,) = session.run([OUTPUT], {INPUT: image_BCHW.numpy()})
        return torch.from_numpy(found)

    return run


def _check_installed() -> None:
    try:
        import onnx
        import onnxruntime
        import onnxscript
    except ImportError as error:
        raise ValueError(
            f"ONNX needs packages that are not installed ({error}): pip install 'raytrain[onnx]'; "
            "a .pt2 program needs none of them"
        ) from None
    del onnx, onnxruntime, onnxscript


def _cause(error: BaseException) -> str:
    """Return the first line of the original error, which the translator wraps in its own errors."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip().split("\n")[0] or type(error).__name__
