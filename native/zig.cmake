# The toolchain of the published Linux packages: zig as a C++ compiler links against the C library of
# the version that it is told, for x64 and arm64 alike, with libc++ inside. scripts/build-addon.mjs
# says where zig is and what the target is called.
set(CMAKE_SYSTEM_NAME Linux)
if("$ENV{SJD2_ZIG_TARGET}" MATCHES "^aarch64")
  set(CMAKE_SYSTEM_PROCESSOR aarch64)
else()
  set(CMAKE_SYSTEM_PROCESSOR x86_64)
endif()
set(CMAKE_CXX_COMPILER "$ENV{SJD2_ZIG}" c++ -target "$ENV{SJD2_ZIG_TARGET}")
if(CMAKE_SYSTEM_PROCESSOR STREQUAL x86_64)
  # zig names every feature to clang, this one as absent, and then the functions that ask for AVX-512
  # get it without its wide vectors. It stands for nothing by itself.
  list(APPEND CMAKE_CXX_COMPILER -mcpu=baseline+evex512)
endif()
# Its own cache remembers what has been compiled.
set(CMAKE_CXX_COMPILER_LAUNCHER "" CACHE STRING "" FORCE)
set(CMAKE_CXX_ARCHIVE_CREATE "\"$ENV{SJD2_ZIG}\" ar qc <TARGET> <OBJECTS>")
set(CMAKE_CXX_ARCHIVE_FINISH "")
# The libraries and headers are zig's, never this machine's.
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
