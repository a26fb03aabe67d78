# The kernels stand alone: they know nothing of N-API, ONNX Runtime or the decode state.
add_library(sjd2_kernels STATIC
  native/kernels/reference/reference.cc
  native/kernels/cpu/cpu.cc)
target_include_directories(sjd2_kernels PUBLIC native)
target_link_libraries(sjd2_kernels PUBLIC Threads::Threads)
