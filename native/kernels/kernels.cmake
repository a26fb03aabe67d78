# The kernels stand alone: they know nothing of N-API, ONNX Runtime or the decode state.
set(SJD2_KERNELS_DIR ${CMAKE_CURRENT_LIST_DIR})
add_library(sjd2_kernels STATIC
  ${SJD2_KERNELS_DIR}/reference/reference.cc
  ${SJD2_KERNELS_DIR}/reference/law.cc
  ${SJD2_KERNELS_DIR}/reference/noise.cc
  ${SJD2_KERNELS_DIR}/reference/verify.cc
  ${SJD2_KERNELS_DIR}/reference/refine.cc
  ${SJD2_KERNELS_DIR}/cpu/cpu.cc
  ${SJD2_KERNELS_DIR}/cpu/scalar.cc
  ${SJD2_KERNELS_DIR}/cpu/avx2.cc
  ${SJD2_KERNELS_DIR}/cpu/avx512.cc
  ${SJD2_KERNELS_DIR}/cpu/neon.cc)
target_include_directories(sjd2_kernels PUBLIC ${SJD2_KERNELS_DIR}/..)
target_link_libraries(sjd2_kernels PUBLIC Threads::Threads)

option(SJD2_BENCH "Build the kernel microbenchmark" OFF)
if(SJD2_BENCH)
  add_executable(kernels_bench ${SJD2_KERNELS_DIR}/../bench/kernels_bench.cc)
  target_link_libraries(kernels_bench PRIVATE sjd2_kernels)
endif()
