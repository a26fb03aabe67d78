// ONNX Runtime's C ABI as far as the engine uses it: no header of theirs is needed, because the
// OrtApi table is append-only. Each entry below is a slot number with the signature at that slot;
// `Library::call` looks it up, calls it and turns a returned status into an exception.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sjd2::ort {

// Opaque, named after their Ort* originals.
struct Env;
struct Session;
struct SessionOptions;
struct RunOptions;
struct IoBinding;
struct Value;
struct Status;
struct MemoryInfo;
struct TypeInfo;
struct TensorTypeAndShapeInfo;
struct Allocator;
struct CudaOptions;
struct EpDevice;
struct HardwareDevice;
struct KeyValuePairs;
struct AssignedSubgraph;
struct AssignedNode;

#ifdef _WIN32
using PathChar = wchar_t;
#else
using PathChar = char;
#endif

struct ApiBase {
  const void* const* (*get_api)(uint32_t version);
  const char* (*get_version_string)();
};

// The table version asked for; every slot below exists in it, and it is served by ONNX Runtime
// 1.16 and everything after.
inline constexpr uint32_t kApiVersion = 16;

enum ElementKind : int {
  kFloat32 = 1,
  kInt32 = 6,
  kInt64 = 7,
  kBool = 9,
  kFloat16 = 10,
  kBFloat16 = 16
};
enum StatusCode : int { kFail = 1 };
enum HardwareKind : int { kGpuHardware = 1 };
enum AllocatorKind : int { kDeviceAllocator = 0, kArenaAllocator = 1 };

template <typename Signature, size_t Slot>
struct Function {
  using Pointer = Signature*;
  static constexpr size_t slot = Slot;
};

inline constexpr Function<const char*(const Status*), 2> GetErrorMessage;
inline constexpr Function<Status*(int, const char*, Env**), 3> CreateEnv;
inline constexpr Function<Status*(const Env*), 6> DisableTelemetryEvents;
inline constexpr Function<Status*(const Env*, const PathChar*, const SessionOptions*, Session**), 7>
    CreateSession;
inline constexpr Function<Status*(SessionOptions**), 10> CreateSessionOptions;
inline constexpr Function<Status*(SessionOptions*, int), 22> SetSessionLogSeverityLevel;
inline constexpr Function<Status*(SessionOptions*, int), 23> SetSessionGraphOptimizationLevel;
inline constexpr Function<Status*(SessionOptions*, int), 24> SetIntraOpNumThreads;
inline constexpr Function<Status*(const Session*, size_t*), 30> SessionGetInputCount;
inline constexpr Function<Status*(const Session*, size_t*), 31> SessionGetOutputCount;
inline constexpr Function<Status*(const Session*, size_t, TypeInfo**), 33> SessionGetInputTypeInfo;
inline constexpr Function<Status*(const Session*, size_t, TypeInfo**), 34> SessionGetOutputTypeInfo;
inline constexpr Function<Status*(const Session*, size_t, Allocator*, char**), 36>
    SessionGetInputName;
inline constexpr Function<Status*(const Session*, size_t, Allocator*, char**), 37>
    SessionGetOutputName;
inline constexpr Function<Status*(RunOptions**), 39> CreateRunOptions;
inline constexpr Function<Status*(RunOptions*), 46> RunOptionsSetTerminate;
inline constexpr Function<Status*(Allocator*, const int64_t*, size_t, int, Value**), 48>
    CreateTensorAsOrtValue;
inline constexpr Function<
    Status*(const MemoryInfo*, void*, size_t, const int64_t*, size_t, int, Value**), 49>
    CreateTensorWithDataAsOrtValue;
inline constexpr Function<Status*(const TypeInfo*, const TensorTypeAndShapeInfo**), 55>
    CastTypeInfoToTensorInfo;
inline constexpr Function<Status*(const TensorTypeAndShapeInfo*, int*), 60> GetTensorElementType;
inline constexpr Function<Status*(const TensorTypeAndShapeInfo*, size_t*), 61> GetDimensionsCount;
inline constexpr Function<Status*(const TensorTypeAndShapeInfo*, int64_t*, size_t), 62>
    GetDimensions;
inline constexpr Function<Status*(const char*, int, int, int, MemoryInfo**), 68> CreateMemoryInfo;
inline constexpr Function<Status*(int, int, MemoryInfo**), 69> CreateCpuMemoryInfo;
inline constexpr Function<Status*(const MemoryInfo*, const char**), 71> MemoryInfoGetName;
inline constexpr Function<Status*(Allocator*, void*), 76> AllocatorFree;
inline constexpr Function<Status*(Allocator**), 78> GetAllocatorWithDefaultOptions;
inline constexpr Function<void(Status*), 93> ReleaseStatus;
inline constexpr Function<void(MemoryInfo*), 94> ReleaseMemoryInfo;
inline constexpr Function<void(Session*), 95> ReleaseSession;
inline constexpr Function<void(Value*), 96> ReleaseValue;
inline constexpr Function<void(RunOptions*), 97> ReleaseRunOptions;
inline constexpr Function<void(TypeInfo*), 98> ReleaseTypeInfo;
inline constexpr Function<void(SessionOptions*), 100> ReleaseSessionOptions;
inline constexpr Function<Status*(char***, int*), 125> GetAvailableProviders;
inline constexpr Function<void(char**, int), 126> ReleaseAvailableProviders;
inline constexpr Function<Status*(SessionOptions*, const char*, const char*), 130>
    AddSessionConfigEntry;
inline constexpr Function<Status*(const Session*, const MemoryInfo*, Allocator**), 131>
    CreateAllocator;
inline constexpr Function<void(Allocator*), 132> ReleaseAllocator;
inline constexpr Function<Status*(Session*, const RunOptions*, const IoBinding*), 133>
    RunWithBinding;
inline constexpr Function<Status*(Session*, IoBinding**), 134> CreateIoBinding;
inline constexpr Function<void(IoBinding*), 135> ReleaseIoBinding;
inline constexpr Function<Status*(IoBinding*, const char*, const Value*), 136> BindInput;
inline constexpr Function<Status*(IoBinding*, const char*, const Value*), 137> BindOutput;
inline constexpr Function<Status*(RunOptions*, const char*, const char*), 165> AddRunConfigEntry;
inline constexpr Function<Status*(SessionOptions*, const CudaOptions*), 204> AppendCudaProvider;
inline constexpr Function<Status*(CudaOptions**), 205> CreateCudaOptions;
inline constexpr Function<Status*(CudaOptions*, const char* const*, const char* const*, size_t),
                          206>
    UpdateCudaOptions;
inline constexpr Function<void(CudaOptions*), 208> ReleaseCudaOptions;
inline constexpr Function<
    Status*(SessionOptions*, const char*, const char* const*, const char* const*, size_t), 216>
    AppendProvider;
inline constexpr Function<Status*(CudaOptions*, const char*, void*), 263>
    UpdateCudaOptionsWithValue;

// Beyond the table of version 16: ask Library::at_least(1, 23) first.
inline constexpr Function<const char*(const KeyValuePairs*, const char*), 297> GetKeyValue;
inline constexpr Function<Status*(const Env*, const EpDevice* const**, size_t*), 303> GetEpDevices;
inline constexpr Function<int(const HardwareDevice*), 307> HardwareDeviceType;
inline constexpr Function<const char*(const HardwareDevice*), 309> HardwareDeviceVendor;
inline constexpr Function<const KeyValuePairs*(const HardwareDevice*), 311> HardwareDeviceMetadata;
inline constexpr Function<const HardwareDevice*(const EpDevice*), 316> EpDeviceHardware;
inline constexpr Function<Status*(const Session*, const MemoryInfo**, size_t), 380>
    SessionGetMemoryInfoForInputs;

// at_least(1, 24), and only for sessions that were told to record it.
inline constexpr Function<Status*(const Session*, const AssignedSubgraph* const**, size_t*), 407>
    SessionGetAssignment;
inline constexpr Function<Status*(const AssignedSubgraph*, const char**), 408>
    AssignedSubgraphProvider;
inline constexpr Function<Status*(const AssignedSubgraph*, const AssignedNode* const**, size_t*),
                          409>
    AssignedSubgraphNodes;
inline constexpr Function<Status*(const AssignedNode*, const char**), 410> AssignedNodeName;
inline constexpr Function<Status*(const AssignedNode*, const char**), 412> AssignedNodeOperator;

}  // namespace sjd2::ort
