# Everything CUDA. nvcc makes one fatbin of the kernels, where nvcc is; the C++ compiler compiles the
# same files for the emulation that the tests run, everywhere. docs/cuda.md tells the story.
set(SJD2_CUDA_DIR ${CMAKE_CURRENT_LIST_DIR})
file(GLOB SJD2_CUDA_KERNELS CONFIGURE_DEPENDS
  ${SJD2_CUDA_DIR}/kernels/cuda/*.cu ${SJD2_CUDA_DIR}/kernels/cuda/*.cuh
  ${SJD2_CUDA_DIR}/kernels/cuda/params.h)
# -fmad=false: a fused multiply-add where the source says so and nowhere else.
set(SJD2_NVCC_FLAGS -std=c++20 -fmad=false -I${SJD2_CUDA_DIR})

# --- The device side of the engine, and the fatbin inside it.
target_sources(sjd2_engine PRIVATE
  ${SJD2_CUDA_DIR}/device/cuda/driver.cc
  ${SJD2_CUDA_DIR}/device/cuda/module.cc
  ${SJD2_CUDA_DIR}/device/cuda/cuda_device.cc
  ${SJD2_CUDA_DIR}/device/cuda/stream_timer.cc
  ${SJD2_CUDA_DIR}/decode/cuda_window.cc
  ${SJD2_CUDA_DIR}/decode/cuda_placement.cc
  ${SJD2_CUDA_DIR}/kernels/cuda/launch.cc)

set(SJD2_CUDA_ARCHITECTURES 80 86 89 90 100 120 CACHE STRING "GPU architectures of the fatbin")
find_program(SJD2_NVCC nvcc PATHS /usr/local/cuda/bin $ENV{CUDA_PATH}/bin)
# ONNX Runtime's CUDA provider exists for x64 only.
if(SJD2_NVCC AND NOT MSVC AND NOT APPLE AND NOT CMAKE_SYSTEM_PROCESSOR STREQUAL aarch64)
  set(SJD2_FATBIN ${CMAKE_CURRENT_BINARY_DIR}/sjd2_kernels.fatbin)
  set(SJD2_TARGETS -gencode arch=compute_80,code=compute_80)  # PTX for what comes after
  foreach(arch ${SJD2_CUDA_ARCHITECTURES})
    list(APPEND SJD2_TARGETS -gencode arch=compute_${arch},code=sm_${arch})
  endforeach()
  # A register spill would go unnoticed until someone profiles: it fails the build.
  add_custom_command(
    OUTPUT ${SJD2_FATBIN}
    COMMAND ${SJD2_NVCC} ${SJD2_NVCC_FLAGS} ${SJD2_TARGETS} -Wno-deprecated-gpu-targets
            -Xptxas --warn-on-spills -Werror all-warnings --compress-mode=size
            --fatbin -o ${SJD2_FATBIN} ${SJD2_CUDA_DIR}/kernels/cuda/kernels.cu
    DEPENDS ${SJD2_CUDA_KERNELS}
    COMMENT "Compiling the CUDA kernels (about half a minute)"
    VERBATIM)
  # For drivers before CUDA 13's: the same PTX, said to be of CUDA 12.2. The kernels use nothing newer,
  # or ptxas would refuse it (the test cuda_ptx_version).
  set(SJD2_PTX ${CMAKE_CURRENT_BINARY_DIR}/sjd2_kernels.ptx)
  add_custom_command(
    OUTPUT ${SJD2_PTX}
    COMMAND ${SJD2_NVCC} ${SJD2_NVCC_FLAGS} -arch=compute_80 -Wno-deprecated-gpu-targets -ptx
            -o ${SJD2_PTX} ${SJD2_CUDA_DIR}/kernels/cuda/kernels.cu
    COMMAND sed -i "s/^\\.version .*/.version 8.2/" ${SJD2_PTX}
    DEPENDS ${SJD2_CUDA_KERNELS}
    COMMENT "Compiling the CUDA kernels to PTX"
    VERBATIM)
  set_source_files_properties(${SJD2_CUDA_DIR}/device/cuda/module.cc PROPERTIES
    OBJECT_DEPENDS "${SJD2_FATBIN};${SJD2_PTX}"
    COMPILE_DEFINITIONS "SJD2_FATBIN=\"${SJD2_FATBIN}\";SJD2_PTX=\"${SJD2_PTX}\"")
  target_sources(sjd2_engine PRIVATE ${SJD2_FATBIN} ${SJD2_PTX})
else()
  message(STATUS "sjd2: no nvcc or not x64, so this build has no CUDA kernels")
endif()

if(NOT SJD2_TESTS OR MSVC OR APPLE)
  return()
endif()

# --- Tests that need no GPU.
set(SJD2_CUDA_TEST_DIR ${SJD2_CUDA_DIR}/test)

# The emulated kernels: the .cu files, one fiber per CUDA thread.
add_library(sjd2_simt STATIC
  ${SJD2_CUDA_TEST_DIR}/simt/fiber.cc
  ${SJD2_CUDA_TEST_DIR}/simt/grid.cc
  ${SJD2_CUDA_TEST_DIR}/simt/emulated_kernels.cc
  ${SJD2_CUDA_DIR}/kernels/cuda/launch.cc)
target_include_directories(sjd2_simt PUBLIC ${SJD2_CUDA_DIR} ${SJD2_CUDA_TEST_DIR})
target_compile_definitions(sjd2_simt PUBLIC SJD2_SIMT)
# nvcc's #pragma unroll means nothing here.
target_compile_options(sjd2_simt PUBLIC -Wno-unknown-pragmas)
target_link_libraries(sjd2_simt PUBLIC sjd2_kernels)
if(SJD2_SANITIZE MATCHES thread)
  set_source_files_properties(
    ${SJD2_CUDA_TEST_DIR}/simt/fiber.cc ${SJD2_CUDA_TEST_DIR}/simt/grid.cc PROPERTIES
    COMPILE_OPTIONS -fno-sanitize=thread COMPILE_DEFINITIONS SJD2_TSAN)
endif()

add_executable(cuda_simt_test
  ${SJD2_CUDA_TEST_DIR}/kernels_main.cc
  ${SJD2_CUDA_TEST_DIR}/kernel_problem.cc
  ${SJD2_CUDA_TEST_DIR}/verify_checker.cc
  ${SJD2_CUDA_TEST_DIR}/simt/verify_simt_test.cc
  ${SJD2_CUDA_TEST_DIR}/simt/element_simt_test.cc
  ${SJD2_CUDA_TEST_DIR}/simt/mutants_simt_test.cc)
target_link_libraries(cuda_simt_test PRIVATE sjd2_simt)
add_test(NAME cuda_simt COMMAND cuda_simt_test)

# The kernels for the thread sanitizer (npm run test:threads).
add_executable(cuda_race_test
  ${SJD2_CUDA_TEST_DIR}/kernel_problem.cc
  ${SJD2_CUDA_TEST_DIR}/simt/races.cc)
target_link_libraries(cuda_race_test PRIVATE sjd2_simt)

# The fake driver, which the engine loads in place of libcuda.so.1. Its kernels are the emulated
# ones, so the whole device path runs where nvcc is not. The jest tests look for it in build/.
add_library(sjd2_fake_cuda SHARED
  ${SJD2_CUDA_TEST_DIR}/fake_driver/driver.cc
  ${SJD2_CUDA_TEST_DIR}/fake_driver/memory.cc
  ${SJD2_CUDA_TEST_DIR}/fake_driver/streams.cc
  ${SJD2_CUDA_TEST_DIR}/fake_driver/test_kernels.cc)
target_link_libraries(sjd2_fake_cuda PRIVATE sjd2_simt)
set_target_properties(sjd2_fake_cuda PROPERTIES
  LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR} OUTPUT_NAME sjd2_fake_cuda)

add_executable(cuda_driver_test
  ${SJD2_CUDA_TEST_DIR}/fake_driver/driver_test.cc
  ${SJD2_CUDA_TEST_DIR}/fake_driver/decode_test.cc
  ${SJD2_CUDA_TEST_DIR}/kernel_problem.cc
  ${SJD2_CUDA_TEST_DIR}/verify_checker.cc)
target_include_directories(cuda_driver_test PRIVATE ${SJD2_CUDA_TEST_DIR})
target_compile_definitions(cuda_driver_test PRIVATE
  SJD2_FAKE_DRIVER="$<TARGET_FILE:sjd2_fake_cuda>")
target_link_libraries(cuda_driver_test PRIVATE sjd2_engine)
add_dependencies(cuda_driver_test sjd2_fake_cuda)
add_test(NAME cuda_driver COMMAND cuda_driver_test)

# The transformer on devices whose memory is not the host's, over a runtime that is true to how ONNX
# Runtime binds.
add_library(sjd2_fake_runtime SHARED ${SJD2_CUDA_TEST_DIR}/fake_runtime/runtime.cc)
target_include_directories(sjd2_fake_runtime PRIVATE ${SJD2_CUDA_DIR} ${SJD2_CUDA_TEST_DIR})
target_link_libraries(sjd2_fake_runtime PRIVATE ${CMAKE_DL_LIBS})
add_executable(placement_test ${SJD2_CUDA_TEST_DIR}/fake_runtime/placement_test.cc)
target_include_directories(placement_test PRIVATE ${SJD2_CUDA_TEST_DIR})
target_compile_definitions(placement_test PRIVATE
  SJD2_FAKE_RUNTIME="$<TARGET_FILE:sjd2_fake_runtime>")
target_link_libraries(placement_test PRIVATE sjd2_engine)
add_dependencies(placement_test sjd2_fake_cuda sjd2_fake_runtime)
add_test(NAME placement COMMAND placement_test)
set_tests_properties(placement PROPERTIES
  ENVIRONMENT "SJD2_CUDA_DRIVER=$<TARGET_FILE:sjd2_fake_cuda>;VK_ICD_FILENAMES=not-looked-at.json")

# The kernels on whatever GPU there is (npm run check:gpu); here, on the emulated one.
add_executable(gpu_check
  ${SJD2_CUDA_TEST_DIR}/gpu/gpu_check.cc
  ${SJD2_CUDA_TEST_DIR}/gpu/gpu_bench.cc
  ${SJD2_CUDA_TEST_DIR}/kernel_problem.cc
  ${SJD2_CUDA_TEST_DIR}/verify_checker.cc)
target_include_directories(gpu_check PRIVATE ${SJD2_CUDA_TEST_DIR})
target_link_libraries(gpu_check PRIVATE sjd2_engine)
set_target_properties(gpu_check PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
add_test(NAME cuda_check COMMAND gpu_check)
set_tests_properties(cuda_check PROPERTIES
  ENVIRONMENT "SJD2_CUDA_DRIVER=$<TARGET_FILE:sjd2_fake_cuda>")

# nvcc's PTX as C++, held bit by bit to the emulated source.
find_program(SJD2_NODE node)
if(SJD2_FATBIN AND SJD2_NODE)
  set(SJD2_PTX_CODE ${CMAKE_CURRENT_BINARY_DIR}/sjd2_kernels_ptx.cc)
  add_custom_command(
    OUTPUT ${SJD2_PTX_CODE}
    COMMAND ${SJD2_NODE} ${SJD2_CUDA_TEST_DIR}/ptx/translate.mjs ${SJD2_PTX} ${SJD2_PTX_CODE}
    DEPENDS ${SJD2_PTX} ${SJD2_CUDA_TEST_DIR}/ptx/translate.mjs
    COMMENT "Translating the PTX to C++"
    VERBATIM)
  # Tens of thousands of statements: optimising them takes longer than running them as they are.
  set_source_files_properties(${SJD2_PTX_CODE} PROPERTIES COMPILE_OPTIONS "-O0;-w")
  add_executable(cuda_ptx_test
    ${SJD2_PTX_CODE}
    ${SJD2_CUDA_TEST_DIR}/kernels_main.cc
    ${SJD2_CUDA_TEST_DIR}/kernel_problem.cc
    ${SJD2_CUDA_TEST_DIR}/verify_checker.cc
    ${SJD2_CUDA_TEST_DIR}/ptx/ptx_test.cc)
  target_link_libraries(cuda_ptx_test PRIVATE sjd2_simt)
  add_test(NAME cuda_ptx COMMAND cuda_ptx_test)
  find_program(SJD2_PTXAS ptxas HINTS /usr/local/cuda/bin $ENV{CUDA_PATH}/bin)
  if(SJD2_PTXAS)
    add_test(NAME cuda_ptx_version
      COMMAND ${SJD2_PTXAS} -O0 --gpu-name sm_80 -o sjd2_kernels_ptx.cubin ${SJD2_PTX})
  endif()
else()
  message(STATUS "sjd2: the PTX test needs nvcc and node, and is not built")
endif()
