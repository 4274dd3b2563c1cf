"""Where and how networks run: processor, precision, and what happens when memory runs out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..base.errors import MissingPackageError, ParameterError, WarningRecord

if TYPE_CHECKING:
    import torch

    from .onnx_runtime import OnnxRuntime

Result = TypeVar("Result")
AnyRuntime = TypeVar("AnyRuntime", "Runtime", "Runtime | OnnxRuntime")
DEVICES = ("auto", "cpu", "cuda", "mps")


def has_torch() -> bool:
    """Whether PyTorch is installed (without importing it)."""
    from importlib.util import find_spec

    return find_spec("torch") is not None


def may_have_cuda() -> bool:
    """Whether PyTorch is installed and a driver of NVIDIA's is there (without importing PyTorch)."""
    from ctypes.util import find_library

    return has_torch() and find_library("nvcuda" if os.name == "nt" else "cuda") is not None


def require_torch() -> None:
    """Raise MissingPackageError with the remedy when PyTorch is not installed."""
    if not has_torch():
        raise MissingPackageError(
            "Neural networks need PyTorch, which is not installed: in Slicer, install it with the panel's button; "
            "elsewhere run “pip install torch”."
        )


@dataclass(frozen=True)
class Runtime:
    """A processor and the precision that networks use on it.

    Parameters
    ----------
    device : {"cpu", "cuda", "mps"}
    precision : {"float32", "bfloat16"}
        Of activations; weights stay float32. bfloat16 is taken where the processor has instructions for it.
    """

    device: str = "cpu"
    precision: str = "float32"

    @classmethod
    def choose(cls, requested: str = "auto") -> Runtime:
        """The best processor that is there, or the one asked for.

        Raises
        ------
        MissingPackageError
            Without PyTorch.
        ParameterError
            When the processor asked for is not there.
        """
        require_torch()
        import torch

        if requested not in DEVICES:
            raise ParameterError(f"Unknown device “{requested}”; choose from: {', '.join(DEVICES)}.")
        there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
        device = next(name for name in there if there[name]) if requested == "auto" else requested
        if not there[device]:
            raise ParameterError(
                f"The device “{device}” was asked for, but this computer has none; choose auto or cpu."
            )
        if device == "cuda":
            return cls(device, "bfloat16" if torch.cuda.is_bf16_supported() else "float32")
        return cls(device, "bfloat16" if device == "cpu" and _cpu_is_fast_in_bfloat16() else "float32")

    def place(self, network: torch.nn.Module) -> torch.nn.Module:
        """The network on this processor, ready for inference (channels last, evaluation mode)."""
        import torch

        return network.to(device=self.device, memory_format=torch.channels_last).eval()

    def evaluator(self, network: torch.nn.Module) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
        """The network as a function of arrays, shape (batch, channels, rows, columns)."""
        import torch

        placed = self.place(network)

        def evaluate(values: NDArray[np.float32]) -> NDArray[np.float32]:
            with self.inference():
                tensor = torch.from_numpy(values).to(self.device, memory_format=torch.channels_last)
                return np.asarray(placed(tensor).float().cpu())

        return evaluate

    @contextlib.contextmanager
    def inference(self) -> Iterator[None]:
        """No gradients, this precision."""
        import torch

        reduced = self.precision == "bfloat16"
        with torch.inference_mode(), torch.autocast(self.device, torch.bfloat16, enabled=reduced):
            yield

    def provenance(self) -> dict[str, Any]:
        """Processor and precision, for the outputs."""
        import torch

        name = torch.cuda.get_device_name() if self.device == "cuda" else self.device
        return {"device": name, "precision": self.precision, "torch": torch.__version__}


def with_memory_fallback(
    runtime: AnyRuntime, size: int, smallest: int, attempt: Callable[[AnyRuntime, int], Result]
) -> tuple[Result, tuple[WarningRecord, ...]]:
    """Run ``attempt(runtime, size)``; when a GPU's memory runs out, halve the size, then go to the CPU, and say so.

    Parameters
    ----------
    runtime : Runtime
    size, smallest : int
        Of a tile (pixels) or a batch; ``size`` is halved down to ``smallest``.
    attempt : callable
        Starts from nothing each time.
    """
    if runtime.device == "cpu":
        return attempt(runtime, size), ()
    import torch

    warnings: list[WarningRecord] = []
    while True:
        try:
            return attempt(runtime, size), tuple(warnings)
        except torch.OutOfMemoryError:
            if runtime.device == "cpu":
                raise
            torch.cuda.empty_cache()
            if size // 2 >= smallest:
                size //= 2
                message = "The memory of the graphics card did not suffice; the network ran in smaller parts."
                warnings = [WarningRecord("gpu-memory-smaller-parts", message)]
            else:
                runtime = Runtime.choose("cpu")
                message = "The memory of the graphics card did not suffice; the network ran on the processor instead."
                warnings = [WarningRecord("gpu-memory-cpu", message)]


def _cpu_is_fast_in_bfloat16() -> bool:
    import torch

    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()  # older releases cannot tell
    return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
