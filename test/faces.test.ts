import { execFileSync } from 'node:child_process';
import path from 'node:path';

const DIST = path.join(__dirname, '..', 'dist');

/** What a program prints that Node runs as an ES module beside dist/. */
function esm(program: string): any {
  const args = ['--input-type=module', '-e', program];
  return JSON.parse(execFileSync(process.execPath, args, { cwd: DIST, encoding: 'utf8' }));
}

describe('the two module systems', () => {
  test('see the same names, and no others than documented', () => {
    const names = ['ImageModel', 'RgbImage', 'Sjd2Error', 'contactSheet', 'loadModel'];
    expect(Object.keys(require(DIST)).sort()).toEqual([...names, 'shippedModels']);
    const imported = esm(
      `console.log(JSON.stringify(Object.keys(await import('./index.mjs'))
        .filter((name) => !['default', 'module.exports'].includes(name)).sort()))`,
    );
    expect(imported).toEqual([...names, 'shippedModels']);
  });

  test('see the same kernels', () => {
    const families = ['noise', 'noiseAsync', 'refine', 'refineAsync', 'verify', 'verifyAsync'];
    const names = ['initialLaw', ...families];
    expect(Object.keys(require(path.join(DIST, 'kernels.js'))).sort()).toEqual(names);
    const imported = esm(
      `console.log(JSON.stringify(Object.keys(await import('./kernels.mjs'))
        .filter((name) => !['default', 'module.exports'].includes(name)).sort()))`,
    );
    expect(imported).toEqual(names);
  });

  test('share one class, so that instanceof works across them', () => {
    const program = `
      import { createRequire } from 'node:module';
      import { loadModel, RgbImage, Sjd2Error } from './index.mjs';
      const commonjs = createRequire(process.cwd() + '/x.js')('./index.js');
      const error = await commonjs.loadModel('nowhere').catch((error) => error);
      console.log(JSON.stringify([
        commonjs.loadModel === loadModel, commonjs.RgbImage === RgbImage, error instanceof Sjd2Error,
      ]))`;
    expect(esm(program)).toEqual([true, true, true]);
  });
});
