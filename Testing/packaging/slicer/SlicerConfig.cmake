# Stands in for Slicer's CMake package, so that the extension is configured and installed without Slicer:
#   cmake -S <repository> -B <folder> -D Slicer_DIR=<this folder> -D CMAKE_TOOLCHAIN_FILE=<this folder>/NoCompiler.cmake
#   cmake --install <folder> --prefix <destination>
# It takes the arguments that Slicer takes and is stricter where Slicer would silently leave a file out.

set(Slicer_USE_FILE ${CMAKE_CURRENT_LIST_DIR}/UseSlicer.cmake)
set(Slicer_EXTENSION_GENERATE_CONFIG ${CMAKE_CURRENT_LIST_DIR}/GenerateConfig.cmake)
set(Slicer_EXTENSION_CPACK ${CMAKE_CURRENT_LIST_DIR}/CPack.cmake)
set(Slicer_QTSCRIPTEDMODULES_LIB_DIR lib/qt-scripted-modules)
set(Slicer_INSTALL_QTSCRIPTEDMODULES_LIB_DIR ${Slicer_QTSCRIPTEDMODULES_LIB_DIR})
