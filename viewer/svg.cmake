# Style and script of the SVG flame graph are files of their own, laid into svg.c's object.
set_source_files_properties(${CMAKE_SOURCE_DIR}/viewer/svg.c TARGET_DIRECTORY flicker_viewer PROPERTIES
  COMPILE_DEFINITIONS FLICKER_SVG_FILES="${CMAKE_SOURCE_DIR}/viewer"
  OBJECT_DEPENDS "${CMAKE_SOURCE_DIR}/viewer/svg.js;${CMAKE_SOURCE_DIR}/viewer/svg.css")
