/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  // They need an adapter: npm run test:webgpu.
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/webgpu/'],
  transform: {
    // Modules of scripts/ too, whose pure parts are tested here: jest loads them as CommonJS.
    '^.+\\.(ts|mjs)$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'commonjs' },
      },
    ],
  },
  // Packages that `npm run package` made hold a second package.json of the same name.
  modulePathIgnorePatterns: ['<rootDir>/build/'],
  // A model is loaded and pictures are drawn in many of these tests; a busy machine takes its time.
  testTimeout: 300_000,
};
