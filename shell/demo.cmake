# The demo's stacks are complete for every collector: frame pointers, and no call turned into a jump.
set_source_files_properties(${CMAKE_SOURCE_DIR}/shell/demo_workload.c TARGET_DIRECTORY flicker_shell
  PROPERTIES COMPILE_OPTIONS "-O1;-fno-omit-frame-pointer;-fno-optimize-sibling-calls")
