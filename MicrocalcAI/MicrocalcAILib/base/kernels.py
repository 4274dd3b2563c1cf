"""How inner loops are compiled: one decorator, and what was compiled before is loaded without the compiler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache
from numba.core.runtime import rtsys


def kernel(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a function at its first call for each kind of arguments, and keep it for the next process.

    It runs without the interpreter's lock, and division by zero gives infinity or NaN.

    Parameters
    ----------
    function : callable
    options
        More of numba's, for example ``fastmath=True``.
    """
    if function is None:
        return lambda decorated: kernel(decorated, **options)
    compiled = njit(nogil=True, error_model="numpy", **options)(function)
    compiled._cache = _Cache(function)  # what numba's ``cache=True`` does, with its own kind of cache
    return compiled


class _Cache(FunctionCache):  # type: ignore[misc]
    """Numba's cache, which before it loads anything declares all functions that could be compiled.

    That takes 0.15 to 0.3 s and 10 MB in each process, and is of no use to what is compiled already; the compiler does
    it by itself when it is needed.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        rtsys.initialize(target_context)  # the memory of arrays
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)
