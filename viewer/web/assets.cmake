# The page's files, compressed at build time and taken in by viewer/web_files.c. The bundle
# (dist/app.js) is checked in, so that building flicker needs no npm; `./dev bundle` rebuilds it.
find_program(GZIP gzip REQUIRED)
set(WEB_ASSETS ${CMAKE_BINARY_DIR}/web)
file(MAKE_DIRECTORY ${WEB_ASSETS})
set(WEB_COMPRESSED)
foreach(asset index.html style.css icon.svg dist/app.js)
  get_filename_component(name ${asset} NAME)
  set(source ${CMAKE_SOURCE_DIR}/viewer/web/${asset})
  add_custom_command(OUTPUT ${WEB_ASSETS}/${name}.gz
    COMMAND ${GZIP} -9nc ${source} > ${WEB_ASSETS}/${name}.gz
    DEPENDS ${source} VERBATIM)
  list(APPEND WEB_COMPRESSED ${WEB_ASSETS}/${name}.gz)
endforeach()
set_source_files_properties(viewer/web_files.c PROPERTIES
  COMPILE_DEFINITIONS FLICKER_WEB_ASSETS="${WEB_ASSETS}"
  OBJECT_DEPENDS "${WEB_COMPRESSED}")
