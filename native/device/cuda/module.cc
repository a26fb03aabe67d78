#include "device/cuda/module.h"

// SJD2_FATBIN is the path of the fatbin that nvcc made in this build (cuda.cmake).
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
.byte 0
.text
)");
extern "C" const char sjd2_fatbin_begin[], sjd2_fatbin_end[];
#endif

namespace sjd2::cuda {

#ifdef SJD2_FATBIN
Image embedded_image() {
  return {sjd2_fatbin_begin, static_cast<size_t>(sjd2_fatbin_end - sjd2_fatbin_begin)};
}
const char* embedded_image_absence() { return ""; }
#else
Image embedded_image() { return {}; }
const char* embedded_image_absence() {
  return "This build of sjd2 holds no CUDA kernels: nvcc was not found when it was compiled. "
         "Install the CUDA 13 toolkit and rebuild, or use the prebuilt package for Linux x64";
}
#endif

}  // namespace sjd2::cuda
