#include "ort/loaded.h"

#include <filesystem>

#ifdef _WIN32
#define PSAPI_VERSION 2  // EnumProcessModules out of kernel32: no library more to link
#include <windows.h>
// After windows.h, whose types it uses.
#include <psapi.h>
#else
#include <dlfcn.h>
#ifdef __APPLE__
#include <mach-o/dyld.h>
#else
#include <link.h>
#endif
#endif

#include "ort/api.h"

namespace sjd2::ort {
namespace {

// libonnxruntime.so.1, libonnxruntime.1.24.3.dylib, onnxruntime.dll, and the name that ours has on
// Windows (scripts/package.mjs); not the providers, which are called libonnxruntime_providers_*.
bool is_runtime(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  for (const char* prefix : {"libonnxruntime.", "onnxruntime.dll", "onnxruntime_sjd2.dll"}) {
    if (name.rfind(prefix, 0) == 0) return true;
  }
  return false;
}

using GetBase = const ApiBase* (*)();

#ifdef _WIN32

std::vector<std::string> module_paths() {
  std::vector<HMODULE> modules(1024);
  DWORD bytes = 0;
  const DWORD size = static_cast<DWORD>(modules.size() * sizeof(HMODULE));
  if (!EnumProcessModules(GetCurrentProcess(), modules.data(), size, &bytes)) return {};
  modules.resize(std::min<size_t>(modules.size(), bytes / sizeof(HMODULE)));
  std::vector<std::string> paths;
  for (const HMODULE module : modules) {
    std::vector<wchar_t> name(32768);
    const DWORD length = GetModuleFileNameW(module, name.data(), static_cast<DWORD>(name.size()));
    const std::u8string utf8 = std::filesystem::path(name.data(), name.data() + length).u8string();
    paths.emplace_back(utf8.begin(), utf8.end());
  }
  return paths;
}

GetBase get_base(const std::string& path) {
  const std::filesystem::path native(std::u8string(path.begin(), path.end()));
  const HMODULE module = GetModuleHandleW(native.c_str());
  return module ? reinterpret_cast<GetBase>(GetProcAddress(module, "OrtGetApiBase")) : nullptr;
}

#else

std::vector<std::string> module_paths() {
  std::vector<std::string> paths;
#ifdef __APPLE__
  for (uint32_t i = 0; i < _dyld_image_count(); i++) {
    if (const char* name = _dyld_get_image_name(i)) paths.emplace_back(name);
  }
#else
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        static_cast<std::vector<std::string>*>(data)->emplace_back(info->dlpi_name);
        return 0;
      },
      &paths);
#endif
  return paths;
}

// The handle stays open: what is used from here on must not be unloaded by whoever loaded it.
GetBase get_base(const std::string& path) {
  void* handle = dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD);
  return handle ? reinterpret_cast<GetBase>(dlsym(handle, "OrtGetApiBase")) : nullptr;
}

#endif

}  // namespace

std::vector<LoadedLibrary> loaded_libraries() {
  std::vector<LoadedLibrary> found;
  for (const std::string& path : module_paths()) {
    if (!is_runtime(path)) continue;
    if (const GetBase base = get_base(path)) {
      found.push_back({path, base()->get_version_string()});
    }
  }
  return found;
}

}  // namespace sjd2::ort
