/**
 * `npm run test:models`: every family's exporter against its public class, with small random weights, and fine-tuning
 * in small, down to a picture; and the random package of the WebGPU tests. Needs the built library.
 */
import { withPython } from '../python-environment.mjs';

withPython('test:models', (python) => {
  python('the random package', 'scripts/export/random_package.py', '--out', 'build/random-package');
  python('a family', 'scripts/export/check_models.py');
  python('what does not fit', 'scripts/export/check_refusals.py');
  python('the layout of Janus as published', 'scripts/export/check_authors_layout.py');
  python('fine-tuning', 'scripts/train/check_finetuning.py');
});
