# Everything CUDA. The kernels are always compiled twice over: by nvcc into one fatbin where nvcc
# is, and by the C++ compiler for the emulation that the tests run. docs/cuda.md tells the story.
set(SJD2_CUDA_DIR ${CMAKE_CURRENT_LIST_DIR})

if(SJD2_TESTS AND NOT MSVC)
  # The emulated kernels: the .cu files, one fiber per CUDA thread.
  add_library(sjd2_simt STATIC
    ${SJD2_CUDA_DIR}/test/simt/fiber.cc
    ${SJD2_CUDA_DIR}/test/simt/grid.cc
    ${SJD2_CUDA_DIR}/test/simt/emulated_kernels.cc
    ${SJD2_CUDA_DIR}/kernels/cuda/launch.cc)
  target_include_directories(sjd2_simt PUBLIC ${SJD2_CUDA_DIR} ${SJD2_CUDA_DIR}/test)
  target_compile_definitions(sjd2_simt PUBLIC SJD2_SIMT)
  # nvcc's #pragma unroll means nothing here.
  target_compile_options(sjd2_simt PUBLIC -Wno-unknown-pragmas)
  target_link_libraries(sjd2_simt PUBLIC sjd2_kernels)

  add_executable(simt_test
    ${SJD2_CUDA_DIR}/test/kernels_main.cc
    ${SJD2_CUDA_DIR}/test/kernel_problem.cc
    ${SJD2_CUDA_DIR}/test/verify_checker.cc
    ${SJD2_CUDA_DIR}/test/simt/verify_simt_test.cc
    ${SJD2_CUDA_DIR}/test/simt/element_simt_test.cc
    ${SJD2_CUDA_DIR}/test/simt/mutants_simt_test.cc)
  target_link_libraries(simt_test PRIVATE sjd2_simt)
  add_test(NAME cuda_emulated COMMAND simt_test)
endif()
