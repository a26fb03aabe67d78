/**
 * `npm run test:chain`: the whole training chain, drawings to checked model package, with a model that
 * draws nothing.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, withPython } from '../python-environment.mjs';

withPython('test:chain', (python) => {
  // Steps that are done would be skipped.
  const training = join(root, 'build', 'chain', 'training');
  rmSync(training, { recursive: true, force: true });
  python('the tiny chain', 'scripts/train/chain.py', '--tiny', '--root', training);
});
