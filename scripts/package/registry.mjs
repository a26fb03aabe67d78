/**
 * A registry on this machine that has published what lies in build/packages, and passes every other
 * question on to the real one: what installers do from a lockfile can only be tried with one.
 */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const UPSTREAM = 'https://registry.npmjs.org';

/**
 * In a process of its own, since whoever installs from it waits synchronously.
 *
 * @returns the server's address, and `close`
 */
export async function startRegistry(packages) {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), packages], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  return { url: String(line).trim(), close: () => child.kill() };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) serve(process.argv[2]);

async function serve(packages) {
  const ours = new Map();
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => response.writeHead(502).end(String(error)));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${server.address().port}`;
  for (const entry of readdirSync(packages, { withFileTypes: true })) {
    if (entry.isDirectory()) publish(join(packages, entry.name));
  }
  console.log(url);

  function publish(folder) {
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const { name, version } = manifest;
    const file = `${name.replace(/^@/, '').replace('/', '-')}-${version}.tgz`;
    const bytes = readFileSync(join(packages, file));
    const hash = (algorithm, encoding) => createHash(algorithm).update(bytes).digest(encoding);
    const dist = {
      tarball: `${url}/${name}/-/${file}`,
      shasum: hash('sha1', 'hex'),
      integrity: `sha512-${hash('sha512', 'base64')}`,
    };
    const versions = { [version]: { ...manifest, _id: `${name}@${version}`, dist } };
    ours.set(`/${name}`, { name, 'dist-tags': { latest: version }, versions });
    ours.set(`/${name}/-/${file}`, join(packages, file));
  }

  async function answer(request, response) {
    const path = decodeURIComponent(request.url.split('?')[0]);
    const found = ours.get(path);
    if (typeof found === 'string') {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      createReadStream(found).pipe(response);
    } else if (found) {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(found));
    } else if (path.startsWith('/@sjd2/') || path === '/sjd2') {
      response.writeHead(404).end('{}');
    } else {
      const { accept = '*/*' } = request.headers;
      const there = await fetch(UPSTREAM + request.url, { headers: { accept } });
      const type = there.headers.get('content-type') ?? 'application/json';
      response.writeHead(there.status, { 'content-type': type });
      Readable.fromWeb(there.body).pipe(response);
    }
  }
}
