// Builds the pages into dist/: dist/{watch,api-docs}.html, and dist/assets/* with a hash in each name, so that a
// server may cache assets for ever and pages not at all. With --tests it bundles the unit tests for
// node's own runner instead.
import { build } from 'esbuild';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(fileURLToPath(import.meta.url));
const PAGES = ['watch', 'api-docs'];
const LICENCES = [
  'hls.js/LICENSE',
  'swagger-ui-dist/LICENSE',
  'swagger-ui-dist/NOTICE',
  'swagger-ui-dist/swagger-ui-es-bundle.js.LICENSE.txt',
];

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
    entryPoints: PAGES.flatMap((page) => [`src/${page}.ts`, `src/${page}.css`]),
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
  // What is bundled stays under its own licence (Apache-2.0, and those of swagger-ui's parts).
  const licences = await Promise.all(
    LICENCES.map(async (path) => `${path}\n\n${await readFile(join(root, 'node_modules', path), 'utf8')}`),
  );
  await writeFile(join(dist, 'assets/licences.txt'), licences.join('\n\n'));
  const built = {};
  for (const [path, output] of Object.entries(result.metafile.outputs)) {
    if (output.entryPoint) built[basename(output.entryPoint)] = `/assets/${basename(path)}`;
  }
  for (const page of PAGES) {
    const text = (await readFile(join(root, `src/${page}.html`), 'utf8'))
      .replace('{{script}}', built[`${page}.ts`])
      .replace('{{style}}', built[`${page}.css`]);
    await writeFile(join(dist, `${page}.html`), text);
  }
  for (const [path, output] of Object.entries(result.metafile.outputs)) {
    console.log(`${path}  ${(output.bytes / 1024).toFixed(1)} KiB`);
  }
}
