"""Loading compiled kernels without the compiler, by what is known of the inside of some versions of numba."""

from __future__ import annotations

from typing import Any

from llvmlite import binding as llvm
from numba.core.caching import FunctionCache
from numba.core.codegen import JITCodeLibrary
from numba.core.runtime import rtsys


class LightCache(FunctionCache):
    """Numba's cache, which before it loads anything declares all functions that could be compiled.

    That takes 0.15 to 0.3 s and 10 MB in each process, and is of no use to what is compiled already; the compiler does
    it by itself when it is needed.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        rtsys.initialize(target_context)  # the memory of arrays
        codegen = target_context.codegen()
        usual, codegen._library_class = codegen._library_class, _LoadedLibrary  # numba holds its lock meanwhile
        try:
            with self._guard_against_spurious_io_errors():
                return self._load_overload(sig, target_context)
        finally:
            codegen._library_class = usual


class _LoadedLibrary(JITCodeLibrary):
    """Machine code from the cache; its form for the compiler is read when a new kernel that calls it is compiled.

    Numba reads that form at once, for half of the time that loading takes.
    """

    _shared_module: Any
    _for_the_compiler: bytes

    @classmethod
    def _unserialize(cls, codegen: Any, state: Any) -> Any:
        name, _, (machine_code, for_the_compiler) = state
        library = cls(codegen, name)
        library._for_the_compiler = for_the_compiler
        library.enable_object_caching()
        library._set_compiled_object(machine_code)
        library._finalize_final_module()
        return library

    def get_pointer_to_function(self, name: str) -> int:
        return int(self._codegen._engine.get_function_address(name))

    def _get_module_for_linking(self) -> Any:
        if self._shared_module is None:
            self._shared_module = llvm.parse_bitcode(self._for_the_compiler)
            self._codegen._engine._load_defined_symbols(self._shared_module)
        return self._shared_module
