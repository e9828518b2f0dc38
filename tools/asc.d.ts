// The part of the AssemblyScript compiler's interface that build-kernels.ts uses. The package's own
// types declare a global `console` that hides Node's everywhere, hence these (see "paths" in
// tsconfig.json).

interface CompilerOptions {
  readonly writeFile?: (name: string, contents: Uint8Array | string, baseDir: string) => void;
}

interface CompilerOutcome {
  readonly error: Error | null;
  readonly stdout: { toString(): string };
  readonly stderr: { toString(): string };
}

export function main(argv: readonly string[], options: CompilerOptions): Promise<CompilerOutcome>;
