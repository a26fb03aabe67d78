#include "ort/library.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

#include "ort/path.h"

namespace sjd2::ort {
namespace {

// The library stays open for the life of the process: sessions may be released by finalisers that
// run after everything else, and unloading under a running thread would crash the host.
void* open_shared(const std::string& path, std::string* why) {
#ifdef _WIN32
  void* handle = LoadLibraryExW(native_path(path).c_str(), nullptr, LOAD_WITH_ALTERED_SEARCH_PATH);
  if (!handle) *why = "LoadLibrary error " + std::to_string(GetLastError());
#else
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) *why = dlerror();
#endif
  return handle;
}

void* find_symbol(void* handle, const char* name) {
#ifdef _WIN32
  return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(handle), name));
#else
  return dlsym(handle, name);
#endif
}

// ONNX Runtime 1.29 and later write a telemetry database under the user's cache unless this is set
// before the library loads. Setting a variable is not safe while another thread reads one with
// getenv, as libuv's may for a name look-up: whoever cannot have that sets it before the process
// starts, and nothing is set here.
void disable_telemetry() {
#ifdef _WIN32
  _putenv_s("ORT_DISABLE_TELEMETRY", "1");
#else
  setenv("ORT_DISABLE_TELEMETRY", "1", 0);
#endif
}

// By numbers: 1.9 is older than 1.20.
bool is_below_minimum(const std::string& version) {
  const auto numbers = [](const std::string& text) {
    std::array<int, 3> parts{};
    std::sscanf(text.c_str(), "%d.%d.%d", &parts[0], &parts[1], &parts[2]);
    return parts;
  };
  return numbers(version) < numbers(kMinimumVersion);
}

}  // namespace

Library& Library::open(const std::string& path) {
  static std::mutex mutex;
  static Library* library = nullptr;  // never destroyed, see open_shared
  std::lock_guard lock(mutex);
  if (!library) {
    library = new Library(path);
  } else if (library->path_ != path) {
    throw Error(codes::kRuntime, "Expected one ONNX Runtime per process but " + library->path_ +
                                     " (version " + library->version_ + ") is loaded already and " +
                                     path + " was asked for");
  }
  return *library;
}

Library::Library(const std::string& path) : path_(path) {
  disable_telemetry();
  std::string why;
  void* handle = open_shared(path, &why);
  if (!handle)
    throw Error(codes::kRuntime, "Could not load ONNX Runtime from " + path + ": " + why);
  const auto get_base =
      reinterpret_cast<const ApiBase* (*)()>(find_symbol(handle, "OrtGetApiBase"));
  if (!get_base) throw Error(codes::kRuntime, path + " is not an ONNX Runtime library");
  const ApiBase* base = get_base();
  version_ = base->get_version_string();
  if (is_below_minimum(version_) || !(api_ = base->get_api(kApiVersion))) {
    throw Error(codes::kRuntime, "Expected ONNX Runtime " + std::string(kMinimumVersion) +
                                     " or newer but " + path + " is " + version_ +
                                     ", which draws other pictures");
  }
  // ORT keeps one environment per process and counts references, so this one is shared with the
  // JavaScript binding of onnxruntime-node. Level 4 logs fatal ones only: an error comes back as a
  // status, and a library does not write to its host's standard error as well.
  call(CreateEnv, 4, "sjd2", &env_);
  call(DisableTelemetryEvents, env_);
  call(CreateCpuMemoryInfo, int{kArenaAllocator}, 0, &cpu_memory_);
}

bool Library::at_least(int major, int minor) const {
  int has_major = 0, has_minor = 0;
  if (std::sscanf(version_.c_str(), "%d.%d", &has_major, &has_minor) != 2) return false;
  return has_major != major ? has_major > major : has_minor >= minor;
}

void Library::raise(Status* status) const {
  const std::string message = call(GetErrorMessage, status);
  call(ReleaseStatus, status);
  throw Error(codes::kRuntime, "ONNX Runtime: " + message);
}

std::vector<std::string> Library::providers() const {
  char** names = nullptr;
  int count = 0;
  call(GetAvailableProviders, &names, &count);
  std::vector<std::string> result(names, names + count);
  call(ReleaseAvailableProviders, names, count);
  return result;
}

}  // namespace sjd2::ort
