/** Whose work is in the packages besides ours, under which terms. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runtimeVersion } from './runtime.mjs';

const MIT = (holder) => `${holder}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense,
and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so,
subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial
portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT
LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN
NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY,
WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE
SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

const section = (title, text) => `${title}\n${'-'.repeat(title.length)}\n\n${text.trim()}\n`;

/** For a platform's package: what its two binaries are made of. */
export function nativeNotices(root) {
  const nodeAddonApi = join(root, 'node_modules', 'node-addon-api', 'LICENSE.md');
  const libcxx = join(root, 'scripts', 'zig', 'node_modules', '@zigc', 'lib', 'libcxx');
  const llvm = ['LICENSE.TXT', 'LICENSE'].map((name) => join(libcxx, name)).find(existsSync);
  return [
    section(
      `ONNX Runtime ${runtimeVersion} (its shared library, under a name of our own)`,
      `${MIT('MIT License\n\nCopyright (c) Microsoft Corporation')}\n\nThe notices of what ONNX Runtime itself contains:\nhttps://github.com/microsoft/onnxruntime/blob/v${runtimeVersion}/ThirdPartyNotices.txt`,
    ),
    section('node-addon-api (in sjd2.node)', readFileSync(nodeAddonApi, 'utf8')),
    section(
      "LLVM's libc++, libc++abi, libunwind and compiler-rt (in sjd2.node, Linux)",
      llvm
        ? readFileSync(llvm, 'utf8')
        : 'Apache License v2.0 with LLVM Exceptions: https://llvm.org/LICENSE.txt',
    ),
  ].join('\n\n');
}

/** For the package sjd2: what its models learned from, by their own manifests. */
export function modelNotices(root, models) {
  return models
    .map((name) => {
      const { license, attribution } = JSON.parse(
        readFileSync(join(root, 'models', name, 'model.json'), 'utf8'),
      );
      const sources = attribution.map(
        (source) => `* ${source.name}: ${source.license}, ${source.source} ${source.url ?? ''}`,
      );
      const text = `The model is under ${license}. It learned from these works, of which it holds none:\n\n`;
      return section(`The model ${name}`, text + sources.map((line) => line.trim()).join('\n'));
    })
    .join('\n\n');
}
