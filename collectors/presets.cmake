# The presets of `record bt:NAME` lie in the program; they are installed too, to be read and changed.
file(GLOB PRESETS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/collectors/bpftrace/*.bt)
set_source_files_properties(${CMAKE_SOURCE_DIR}/collectors/preset.c
  TARGET_DIRECTORY flicker_collectors PROPERTIES
  COMPILE_DEFINITIONS FLICKER_PRESETS="${CMAKE_SOURCE_DIR}/collectors/bpftrace"
  OBJECT_DEPENDS "${PRESETS}")
install(FILES ${PRESETS} DESTINATION ${CMAKE_INSTALL_DATADIR}/flicker/bpftrace)
