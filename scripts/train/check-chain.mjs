/**
 * `npm run test:chain`: the whole training chains, drawings to checked model packages, with models that
 * draw nothing; and from a package back to weights, which compute what it does.
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
    const folder = join(training, model);
    python(`the tiny chain of ${model}`, ...chain, '--root', folder);
    const unpacked = [
      '--package',
      join(folder, 'package'),
      '--checkpoint',
      join(folder, 'unpacked.pt'),
    ];
    python('the weights of its package', 'scripts/export/unpack.py', ...unpacked);
    const tokenizer = join(folder, model === 'scenes' ? 'image_decoder' : 'image_tokenizer');
    const fixture = ['--tokenizer', tokenizer, '--fixture', join(folder, 'unpacked.json')];
    python('their parity', 'scripts/export/parity.py', ...unpacked, ...fixture);
  }
});
