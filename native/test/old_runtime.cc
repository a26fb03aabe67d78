// A library that passes for ONNX Runtime 1.19.2, and for a Node.js addon, which is how a test gets
// it into a process.
namespace {

struct ApiBase {
  const void* (*get_api)(unsigned version);
  const char* (*get_version_string)();
};

}  // namespace

extern "C" const ApiBase* OrtGetApiBase() {
  static const ApiBase base{[](unsigned) -> const void* { return nullptr; },
                            []() -> const char* { return "1.19.2"; }};
  return &base;
}

extern "C" void* napi_register_module_v1(void*, void* exports) { return exports; }
