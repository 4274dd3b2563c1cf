# Slicer makes the package here, from what the extension's modules install.

get_property(installed GLOBAL PROPERTY installed_files)
if(NOT installed)
  message(FATAL_ERROR "The extension installs nothing")
endif()
