/** `npm run test:models`: every family's exporter against its public class, with small random weights. */
import { withPython } from '../python-environment.mjs';

withPython('test:models', (python) => {
  python('a family', 'scripts/export/check_models.py');
});
