#!/usr/bin/env node
const { existsSync } = require('node:fs');
const { join } = require('node:path');

if (Number.parseInt(process.versions.node, 10) < 20) {
  console.error(`sjd2: Expected Node.js 20.17 or newer but this is ${process.version}: update it`);
  process.exit(1);
}
if (!existsSync(join(__dirname, '..', 'dist', 'cli', 'main.js'))) {
  console.error('sjd2: this checkout is not built: run npm run build');
  process.exit(1);
}
require('../dist/cli/main.js').run(process.argv);
