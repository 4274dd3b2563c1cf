"""Importing packages without what they load for others: downloaders, documentation, a reader of Fortran.

What is left out takes a tenth of the processor time of an analysis on measurements, from its start to its last file.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import ModuleType


@contextlib.contextmanager
def nothing_to_download_with() -> Iterator[None]:
    """Let pydicom find no package to download with when it is imported here first.

    It would load two to fetch its test images, which takes as long as all the rest of it; nothing here asks a network.
    """
    hidden = set() if "pydicom" in sys.modules else {"requests", "tqdm"} - sys.modules.keys()
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # not to be found
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


def import_scipy_without_documentation() -> None:
    """Import what all of SciPy uses, so that modules of it do not add tables to their documentation later.

    From 1.16 on it takes the documentation of 230 functions apart, to say which array libraries each of them accepts,
    and loads NumPy's reader of Fortran only to pass its name on: two fifths of the time that importing SciPy takes
    here. For processes that nobody asks for help. Does nothing where SciPy is imported, or has another form inside.
    """
    if "scipy" in sys.modules:
        return
    import numpy as np

    reader = "numpy.f2py"
    is_hidden = reader not in sys.modules
    if is_hidden:
        np.f2py = sys.modules[reader] = ModuleType(reader)
    try:
        with contextlib.suppress(ImportError):
            from scipy._lib import _array_api

            _array_api.xp_capabilities = lambda *_, **__: lambda function: function
    finally:
        if is_hidden:
            del sys.modules[reader], np.f2py
