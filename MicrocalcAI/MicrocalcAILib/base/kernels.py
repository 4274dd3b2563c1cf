"""How inner loops are compiled: one decorator, and what was compiled before is loaded without the compiler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

_FIRST, _LAST = (0, 60), (0, 68)  # versions of numba whose inside was looked at; others load in their own, slower way


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
    options = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, **options}
    if not _FIRST <= numba.version_info[:2] <= _LAST:
        return numba.njit(cache=True, **options)(function)
    from .kernel_loading import LightCache

    compiled = numba.njit(**options)(function)
    compiled._cache = LightCache(function)  # what ``cache=True`` does, with its own kind of cache
    return compiled
