"""What packages load for others is left out, and nothing else."""

import subprocess
import sys

LIGHT = "from MicrocalcAILib.base.light_imports import import_scipy_without_documentation as light; light()"


def printed_by(*lines):
    code = "\n".join([f"import sys; sys.path[:] = {sys.path}", *lines])
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()


def test_scipy_imported_without_documentation_finds_what_scipy_finds():
    work = (
        "import numpy as np; from scipy import ndimage, special; from scipy.sparse.csgraph import connected_components",
        "image = np.add.outer(np.arange(9), np.arange(8)) % 5 > 2",
        "print(ndimage.label(image)[1], ndimage.gaussian_filter(image * 1.0, 1.5).sum(), special.gammaln(4.5))",
        "print(connected_components(image[:8, :8])[0])",
    )
    assert printed_by(LIGHT, *work) == printed_by(*work)


def test_scipy_imported_without_documentation_does_not_say_which_array_libraries_it_accepts():
    lines = (
        LIGHT,
        "from scipy import ndimage; print('Array API' in ndimage.label.__doc__, 'labeled' in ndimage.label.__doc__)",
    )
    assert printed_by(*lines) == ["False", "True"]


def test_numpys_reader_of_fortran_can_be_imported_afterwards():
    lines = (
        LIGHT,
        "assert 'numpy.f2py' not in sys.modules",
        "import numpy.f2py; print(callable(numpy.f2py.get_include))",
    )
    assert printed_by(*lines) == ["True"]


def test_scipy_that_is_imported_already_is_left_alone():
    lines = (
        "from scipy._lib import _array_api; before = _array_api.xp_capabilities",
        LIGHT,
        "print(_array_api.xp_capabilities is before)",
    )
    assert printed_by(*lines) == ["True"]


def test_pydicom_loads_no_downloader_and_leaves_them_to_others():
    lines = (
        "from MicrocalcAILib.base.light_imports import nothing_to_download_with",
        "with nothing_to_download_with(): import pydicom",
        "print('requests' in sys.modules)",
        "import requests, tqdm; print(requests.__name__)",
    )
    assert printed_by(*lines) == ["False", "requests"]
