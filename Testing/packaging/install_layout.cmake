# Runs the extension's CMakeLists.txt without Slicer and without a compiler, and copies what Slicer would install:
#   cmake -D SOURCE=<repository> -D DESTINATION=<folder> -P install_layout.cmake
# All modules of an extension are installed into one folder. The extension's description is written to <folder>.txt.

file(MAKE_DIRECTORY ${DESTINATION})
file(WRITE ${DESTINATION}/nothing.cmake "")
foreach(included Slicer_USE_FILE Slicer_EXTENSION_GENERATE_CONFIG Slicer_EXTENSION_CPACK)
  set(${included} ${DESTINATION}/nothing.cmake)
endforeach()
set(BUILD_TESTING ON)

macro(project name)
  set(EXTENSION_NAME ${name})
endmacro()

macro(find_package name)
endmacro()

macro(add_subdirectory folder)
  set(CMAKE_CURRENT_SOURCE_DIR ${SOURCE}/${folder})
  include(${SOURCE}/${folder}/CMakeLists.txt)
  set(CMAKE_CURRENT_SOURCE_DIR ${SOURCE})
endmacro()

function(slicerMacroBuildScriptedModule)
  cmake_parse_arguments(MODULE "WITH_GENERIC_TESTS" "NAME" "SCRIPTS;RESOURCES" ${ARGN})
  if(MODULE_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "Unknown arguments: ${MODULE_UNPARSED_ARGUMENTS}")
  endif()
  foreach(file ${MODULE_SCRIPTS} ${MODULE_RESOURCES})
    if(EXISTS ${DESTINATION}/${file})
      message(FATAL_ERROR "Two modules install ${file}")
    endif()
    get_filename_component(folder ${DESTINATION}/${file} DIRECTORY)
    file(COPY ${CMAKE_CURRENT_SOURCE_DIR}/${file} DESTINATION ${folder})
  endforeach()
endfunction()

function(slicer_add_python_unittest)
  cmake_parse_arguments(TEST "" "SCRIPT" "" ${ARGN})
  if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${TEST_SCRIPT})
    message(FATAL_ERROR "There is no test ${TEST_SCRIPT}")
  endif()
endfunction()

include(${SOURCE}/CMakeLists.txt)
file(REMOVE ${DESTINATION}/nothing.cmake)
foreach(item NAME HOMEPAGE CATEGORY CONTRIBUTORS DESCRIPTION ICONURL SCREENSHOTURLS DEPENDS)
  file(APPEND ${DESTINATION}.txt "${item}=${EXTENSION_${item}}\n")
endforeach()
