/** Makes the folder of @sjd2/<platform>: the addon, ONNX Runtime's library, and their licences. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PLATFORMS } from './platforms.mjs';

/**
 * What src/native/loader.ts requires. `addon` and `runtime` are written so that tracers
 * (@vercel/nft) see which files belong to it.
 */
const index = (version, runtime) => `'use strict';
const { join } = require('node:path');

exports.version = ${JSON.stringify(version)};
exports.addon = join(__dirname, 'sjd2.node');
exports.runtime = join(__dirname, ${JSON.stringify(runtime)});
exports.load = () => require('./sjd2.node');
`;

/** @param files `addon`: path of the built addon; `notices`: text of the third parties' licences */
export function stagePlatform(folder, platform, manifest, files) {
  const { os, cpu, libc, runtime, companions = [] } = PLATFORMS[platform];
  const { version, license, author, homepage, repository, bugs, engines } = manifest;
  const name = `@sjd2/${platform}`;
  mkdirSync(folder, { recursive: true });
  copyFileSync(files.addon, join(folder, 'sjd2.node'));
  writeFileSync(join(folder, 'index.js'), index(version, runtime));
  writeFileSync(
    join(folder, 'package.json'),
    `${JSON.stringify(
      {
        name,
        version,
        description: `The native part of sjd2 for ${platform}, with ONNX Runtime`,
        license,
        author,
        homepage,
        repository,
        bugs,
        engines,
        os: [os],
        cpu: [cpu],
        ...(libc && { libc: [libc] }),
        main: 'index.js',
        files: ['index.js', 'sjd2.node', runtime, ...companions, 'THIRD-PARTY-NOTICES.txt'],
        preferUnplugged: true,
        publishConfig: { access: 'public' },
      },
      null,
      2,
    )}\n`,
  );
  writeFileSync(
    join(folder, 'README.md'),
    `# ${name}\n\nThe native part of [sjd2](https://www.npmjs.com/package/sjd2), which installs it where it fits.\n`,
  );
  if (files.notices) writeFileSync(join(folder, 'THIRD-PARTY-NOTICES.txt'), files.notices);
  return runtime;
}
