#include "device/cuda/module.h"

// SJD2_FATBIN and SJD2_PTX are the paths of what nvcc made in this build (cuda.cmake).
#ifdef SJD2_FATBIN
asm(R"(
.section .rodata
.balign 64
.globl sjd2_fatbin_begin
.hidden sjd2_fatbin_begin
sjd2_fatbin_begin:
.incbin ")" SJD2_FATBIN R"("
.globl sjd2_fatbin_end
.hidden sjd2_fatbin_end
sjd2_fatbin_end:
.globl sjd2_ptx_begin
.hidden sjd2_ptx_begin
sjd2_ptx_begin:
.incbin ")" SJD2_PTX R"("
.globl sjd2_ptx_end
.hidden sjd2_ptx_end
sjd2_ptx_end:
.byte 0
.text
)");
extern "C" const char sjd2_fatbin_begin[], sjd2_fatbin_end[], sjd2_ptx_begin[], sjd2_ptx_end[];
#endif

namespace sjd2::cuda {

#ifdef SJD2_FATBIN
Image embedded_image(int driver_version) {
  constexpr int kCuda13 = 13000;
  if (driver_version >= kCuda13) {
    return {sjd2_fatbin_begin, static_cast<size_t>(sjd2_fatbin_end - sjd2_fatbin_begin)};
  }
  return {sjd2_ptx_begin, static_cast<size_t>(sjd2_ptx_end - sjd2_ptx_begin)};
}
const char* embedded_image_absence() { return ""; }
#else
Image embedded_image(int) { return {}; }
const char* embedded_image_absence() {
  return "This build of sjd2 holds no CUDA kernels: nvcc was not found when it was compiled. "
         "Install the CUDA 13 toolkit and rebuild, or use the prebuilt package for Linux x64";
}
#endif

}  // namespace sjd2::cuda
