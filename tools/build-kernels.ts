// Compiles assembly/ into src/kernels/wasm-bytes.generated.ts: the same module twice, with relaxed
// SIMD and without. The compiler is pinned, so the same sources give the same bytes; `--check`
// compares instead of writing and fails on a difference.

import { readFile, writeFile } from 'node:fs/promises';
import { main } from 'assemblyscript/asc';

const target = new URL('../src/kernels/wasm-bytes.generated.ts', import.meta.url);

async function compile(features: string): Promise<Uint8Array> {
  let wasm: Uint8Array | undefined;
  const root = new URL('..', import.meta.url).pathname;
  const { error, stderr } = await main(
    [
      'assembly/index.ts',
      '--baseDir',
      root,
      ...'-O3 --noAssert --runtime stub --importMemory --sharedMemory'.split(' '),
      ...'--initialMemory 1 --maximumMemory 65536 --use abort= --outFile kernels.wasm'.split(' '),
      '--enable',
      features,
    ],
    {
      writeFile: (_name, contents) => {
        if (typeof contents !== 'string') wasm = contents;
      },
    },
  );
  if (error !== null) throw new Error(`${error.message}\n${stderr.toString()}`);
  if (wasm === undefined) throw new Error(`no output\n${stderr.toString()}`);
  return wasm;
}

function render(relaxed: Uint8Array, plain: Uint8Array): string {
  const lines = [
    '// Built by tools/build-kernels.ts from assembly/; never edited by hand. Base64 keeps it one',
    '// line each, and loading reads no file.',
    '',
    '/** Uses relaxed SIMD. */',
    `export const relaxedBase64 =\n  '${Buffer.from(relaxed).toString('base64')}';`,
    '',
    '/** For engines without relaxed SIMD. */',
    `export const plainBase64 =\n  '${Buffer.from(plain).toString('base64')}';`,
    '',
  ];
  return lines.join('\n');
}

const features = 'simd,threads,bulk-memory';
const relaxed = await compile(`${features},relaxed-simd`);
const plain = await compile(features);
const text = render(relaxed, plain);
if (process.argv.includes('--check')) {
  const present = await readFile(target, 'utf8').catch(() => '');
  if (present !== text) {
    process.stderr.write(
      'src/kernels/wasm-bytes.generated.ts differs from assembly/: rebuild it\n',
    );
    process.exitCode = 1;
  }
} else {
  await writeFile(target, text);
  process.stdout.write(`relaxed ${relaxed.length} bytes, plain ${plain.length} bytes\n`);
}
