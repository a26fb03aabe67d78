#!/usr/bin/env node
const { existsSync } = require('node:fs');
const { join } = require('node:path');

if (!existsSync(join(__dirname, '..', 'dist', 'cli', 'main.js'))) {
  console.error('sjd2: this checkout is not built: run npm run build');
  process.exit(1);
}
require('../dist/cli/main.js').run(process.argv);
