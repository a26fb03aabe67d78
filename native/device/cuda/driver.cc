#include "device/cuda/driver.h"

#include <cstdlib>

#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace sjd2::cuda {
namespace {

#ifdef _WIN32
constexpr char kLibrary[] = "nvcuda.dll";
void* open(const char* name) { return reinterpret_cast<void*>(LoadLibraryA(name)); }
void* find(void* library, const char* name) {
  return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(library), name));
}
std::string open_error() { return "error " + std::to_string(GetLastError()); }
#else
constexpr char kLibrary[] = "libcuda.so.1";
void* open(const char* name) { return dlopen(name, RTLD_NOW | RTLD_LOCAL); }
void* find(void* library, const char* name) { return dlsym(library, name); }
std::string open_error() { return dlerror(); }
#endif

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace

Driver::Driver() {
  const char* chosen = std::getenv("SJD2_CUDA_DRIVER");
  const std::string name = chosen && *chosen ? chosen : kLibrary;
  void* library = open(name.c_str());  // never closed: the driver lives as long as the process
  if (!library) {
    throw Error(kDeviceError, "No CUDA: " + name + " can not be loaded (" + open_error() +
                                  "). Install the NVIDIA driver, release 535 or newer");
  }
  const auto load = [&](auto& entry, const char* symbol) {
    entry = reinterpret_cast<std::remove_reference_t<decltype(entry)>>(find(library, symbol));
    if (!entry) {
      throw Error(kDeviceError, "The CUDA driver " + name + " has no " + symbol +
                                    ": it is too old; release 535 or newer is needed");
    }
  };
#define SJD2_LOAD(entry, parameters) load(entry, #entry);
  SJD2_CUDA_ENTRIES(SJD2_LOAD)
#undef SJD2_LOAD
  emulated = find(library, "sjd2_emulated_cuda") != nullptr;
  check(cuDriverGetVersion(&version), "cuDriverGetVersion");
  if (version < kNeededVersion) {
    throw Error(kDeviceError, "The NVIDIA driver supports CUDA " + version_text(version) +
                                  ", and CUDA " + version_text(kNeededVersion) +
                                  " is needed: install driver release 535 or newer");
  }
  check(cuInit(0), "cuInit");
}

const Driver& Driver::instance() {
  static const Driver driver;  // after a failure the next call tries again
  return driver;
}

void Driver::check(Result result, const char* call) const {
  if (result == kSuccess) return;
  // After one of these every later call on the context fails with it, whoever makes it.
  const bool spoilt = result == kIllegalAddress || result == kLaunchFailed;
  const char *name = nullptr, *text = nullptr;
  cuGetErrorName(result, &name);
  cuGetErrorString(result, &text);
  throw Error(kDeviceError, std::string(call) + " failed: " + (name ? name : "error") + " (" +
                                std::to_string(result) + ")" + (text ? ", " : "") +
                                (text ? text : "") +
                                (spoilt ? ". The GPU refuses whatever this process asks from now "
                                          "on: start another one"
                                        : ""));
}

}  // namespace sjd2::cuda
