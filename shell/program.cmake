# The program: main.c with all the folders behind it. main.c is not in the library, so that tests
# link the rest.
if(EXISTS ${CMAKE_SOURCE_DIR}/shell/main.c)
  add_executable(flicker ${CMAKE_SOURCE_DIR}/shell/main.c)
  target_link_libraries(flicker PRIVATE flicker_shell)
  set_target_properties(flicker PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

  # The manual is printed from the tables.
  set(MANUAL ${CMAKE_BINARY_DIR}/flicker.1)
  if(NOT FLICKER_SANITIZE AND NOT CMAKE_CROSSCOMPILING)
    add_custom_command(OUTPUT ${MANUAL}
      COMMAND sh -c "$<TARGET_FILE:flicker> --print-manual > ${MANUAL}"
      DEPENDS flicker VERBATIM)
    add_custom_target(manual ALL DEPENDS ${MANUAL})
    install(FILES ${MANUAL} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  endif()
  install(TARGETS flicker DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(FILES ${CMAKE_SOURCE_DIR}/shell/demo.fks DESTINATION ${CMAKE_INSTALL_DATADIR}/flicker)
endif()
