"""Networks stored as ONNX, run on the processor without PyTorch."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..base.errors import MissingPackageError, ModelError

if TYPE_CHECKING:
    import onnxruntime
    import torch

_OPSET = 17


def has_onnxruntime() -> bool:
    """Whether ONNX Runtime is installed (without importing it)."""
    from importlib.util import find_spec

    return find_spec("onnxruntime") is not None


@dataclass(frozen=True)
class OnnxRuntime:
    """ONNX Runtime on the processor, in float32; as many threads as ``OMP_NUM_THREADS`` allows."""

    device: ClassVar[str] = "cpu"

    def load(self, content: bytes, name: str) -> onnxruntime.InferenceSession:
        """A network from the content of its file.

        Raises
        ------
        ModelError
            When it is no network with one input and one output.
        MissingPackageError
            Without ONNX Runtime.
        """
        if not has_onnxruntime():
            raise MissingPackageError(
                "Networks need ONNX Runtime, which is not installed: run “pip install onnxruntime”."
            )
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS") or 0)
        options.enable_mem_pattern = False  # tiles differ in size: a plan for each would only hold more memory
        # Idle threads leave the core to others.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4
        try:
            session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
            if (len(session.get_inputs()), len(session.get_outputs())) != (1, 1):
                raise ValueError
        except Exception as error:  # its errors have no common class
            raise ModelError(f"The network “{name}” cannot be read; restore it.") from error
        return session

    def evaluator(self, network: onnxruntime.InferenceSession) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
        """The network as a function of arrays, shape (batch, channels, rows, columns)."""
        name = network.get_inputs()[0].name
        return lambda values: np.asarray(network.run(None, {name: values})[0])

    def provenance(self) -> dict[str, Any]:
        """Processor and precision, for the outputs."""
        from importlib.metadata import version

        return {"device": self.device, "precision": "float32", "onnxruntime": version("onnxruntime")}


def onnx_file(network: torch.nn.Module, side: int) -> bytes:
    """A network of images of one channel as the content of an ONNX file, for images of any size.

    Parameters
    ----------
    network : torch.nn.Module
    side : int
        Rows and columns of an image that it takes.
    """
    import io

    import torch

    content = io.BytesIO()
    places = {2: "rows", 3: "columns"}
    torch.onnx.export(
        network.eval(),
        (torch.zeros(1, 1, side, side),),
        content,
        input_names=["image"],
        output_names=["map"],
        dynamic_axes={"image": places, "map": places},
        opset_version=_OPSET,
        dynamo=False,
    )
    return content.getvalue()
