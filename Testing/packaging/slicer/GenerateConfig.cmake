# Writes the extension's description to <build folder>/description.txt.

foreach(item NAME HOMEPAGE CATEGORY CONTRIBUTORS DESCRIPTION ICONURL SCREENSHOTURLS DEPENDS RECOMMENDS
  BUILD_SUBDIRECTORY ENABLED STATUS TIER DICOM_SUPPORT_RULE KEYWORDS)
  if(NOT EXTENSION_${item})
    message(FATAL_ERROR "The extension does not say its EXTENSION_${item}")
  endif()
  string(APPEND description "${item}=${EXTENSION_${item}}\n")
endforeach()
file(WRITE ${CMAKE_BINARY_DIR}/description.txt "${description}")
