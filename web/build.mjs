// Builds the pages into dist/: dist/watch.html, and dist/assets/* with a hash in each name, so that a
// server may cache assets for ever and pages not at all. With --tests it bundles the unit tests for
// node's own runner instead.
import { build } from 'esbuild';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(fileURLToPath(import.meta.url));

if (process.argv.includes('--tests')) {
  await rm(join(root, 'build/test'), { recursive: true, force: true });
  const names = (await readdir(join(root, 'test'))).filter((name) => name.endsWith('.test.ts'));
  await build({
    absWorkingDir: root,
    entryPoints: names.map((name) => `test/${name}`),
    outdir: 'build/test',
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    logLevel: 'warning',
  });
} else {
  const dist = join(root, 'dist');
  await rm(dist, { recursive: true, force: true });
  await mkdir(dist, { recursive: true });
  const result = await build({
    absWorkingDir: root,
    entryPoints: ['src/watch.ts', 'src/watch.css'],
    outdir: 'dist/assets',
    entryNames: '[name]-[hash]',
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['es2022', 'chrome107', 'firefox115', 'safari16.4'],
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  });
  // What is bundled stays under its own licence (hls.js: Apache-2.0).
  const licence = await readFile(join(root, 'node_modules/hls.js/LICENSE'), 'utf8');
  await writeFile(join(dist, 'assets/licences.txt'), `hls.js\n\n${licence}`);
  const built = {};
  for (const [path, output] of Object.entries(result.metafile.outputs)) {
    if (output.entryPoint) built[basename(output.entryPoint)] = `/assets/${basename(path)}`;
  }
  const page = (await readFile(join(root, 'src/watch.html'), 'utf8'))
    .replace('{{script}}', built['watch.ts'])
    .replace('{{style}}', built['watch.css']);
  await writeFile(join(dist, 'watch.html'), page);
  for (const [path, output] of Object.entries(result.metafile.outputs)) {
    console.log(`${path}  ${(output.bytes / 1024).toFixed(1)} KiB`);
  }
}
