// Direct3D's shader compiler, which ONNX Runtime's WebGPU provider loads from its own folder.
const direct3d = ['dxcompiler.dll', 'dxil.dll'];

/**
 * The platforms that packages are made for: what ONNX Runtime has builds of for Node.js. The same
 * list is in src/native/addon-failure.ts, which tells users (a test compares them).
 */
export const PLATFORMS = {
  'linux-x64': { os: 'linux', cpu: 'x64', libc: 'glibc', runtime: 'libonnxruntime.so.1' },
  'linux-arm64': { os: 'linux', cpu: 'arm64', libc: 'glibc', runtime: 'libonnxruntime.so.1' },
  'darwin-arm64': { os: 'darwin', cpu: 'arm64', runtime: 'libonnxruntime.1.dylib' },
  'win32-x64': { os: 'win32', cpu: 'x64', runtime: 'onnxruntime_sjd2.dll', companions: direct3d },
  'win32-arm64': {
    os: 'win32',
    cpu: 'arm64',
    runtime: 'onnxruntime_sjd2.dll',
    companions: direct3d,
  },
};

export const HOST = `${process.platform}-${process.arch}`;

/** Where build-addon.mjs puts the addon of a platform: cmake-js's place for the machine's own. */
export function buildFolder(platform) {
  return platform === undefined ? 'build' : `build/targets/${platform}`;
}
