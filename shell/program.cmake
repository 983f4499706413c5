# The program: main.c with all the folders behind it. main.c is not in the library, so that tests
# link the rest.
if(EXISTS ${CMAKE_SOURCE_DIR}/shell/main.c)
  add_executable(flicker ${CMAKE_SOURCE_DIR}/shell/main.c)
  target_link_libraries(flicker PRIVATE flicker_shell)
  set_target_properties(flicker PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
endif()
