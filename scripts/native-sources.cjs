// Lists the addon's C++ sources for binding.gyp; CMakeLists.txt is the build that we maintain.
const { existsSync, readdirSync } = require('node:fs');
const { join } = require('node:path');

const root = join(__dirname, '..');
const folders = ['kernels/reference', 'kernels/cpu', 'device', 'ort', 'decode', 'addon'];
// The device needs the launcher of its kernels, and nothing else does.
if (existsSync(join(root, 'native', 'device', 'cuda'))) folders.push('device/cuda', 'kernels/cuda');

for (const folder of folders) {
  for (const file of readdirSync(join(root, 'native', folder))) {
    if (file.endsWith('.cc')) console.log(`native/${folder}/${file}`);
  }
}
