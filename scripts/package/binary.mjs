/** What can be read from a built addon without tools of its platform. */
import { readFileSync } from 'node:fs';

/** The newest version of glibc that an ELF file asks for: [2, 28]; none for other files. */
export function neededGlibc(file) {
  const versions = [
    ...readFileSync(file)
      .toString('latin1')
      .matchAll(/\0GLIBC_(\d+)\.(\d+)/g),
  ];
  return versions
    .map(([, major, minor]) => [Number(major), Number(minor)])
    .sort((a, b) => a[0] - b[0] || a[1] - b[1])
    .at(-1);
}

/** Whether the kernels for NVIDIA's GPUs are inside: nvcc's fatbin begins with this number, version 1 and the length of its header. */
export function hasCudaKernels(file) {
  return readFileSync(file).includes(Buffer.from([0x50, 0xed, 0x55, 0xba, 1, 0, 16, 0]));
}
