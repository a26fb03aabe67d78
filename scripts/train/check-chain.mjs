/**
 * `npm run test:chain`: the whole training chains, drawings to checked model packages, with models that
 * draw nothing.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, withPython } from '../python-environment.mjs';

withPython('test:chain', (python) => {
  // Steps that are done would be skipped.
  const training = join(root, 'build', 'chain', 'training');
  rmSync(training, { recursive: true, force: true });
  for (const model of ['scenes', 'drawings']) {
    const chain = ['scripts/train/chain.py', '--tiny', '--model', model];
    python(`the tiny chain of ${model}`, ...chain, '--root', join(training, model));
  }
});
