# A toolchain for a project that compiles nothing: neither a compiler nor make is needed to configure it.

foreach(language C CXX)
  set(CMAKE_${language}_COMPILER ${CMAKE_COMMAND})
  set(CMAKE_${language}_COMPILER_FORCED TRUE)
  set(CMAKE_${language}_COMPILER_ID_RUN TRUE)
  set(CMAKE_${language}_COMPILER_ID None)
endforeach()
set(CMAKE_MAKE_PROGRAM ${CMAKE_COMMAND} CACHE FILEPATH "")
