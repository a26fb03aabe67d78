// Lists the addon's C++ sources for binding.gyp; CMakeLists.txt is the build that we maintain.
const { readdirSync } = require('node:fs');
const { join } = require('node:path');

const folders = ['kernels/reference', 'kernels/cpu', 'device', 'ort', 'decode', 'addon'];
for (const folder of folders.map((name) => join('native', name))) {
  for (const file of readdirSync(join(__dirname, '..', folder))) {
    if (file.endsWith('.cc')) console.log(`${folder}/${file}`);
  }
}
