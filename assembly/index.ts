// What the compiled module exports. See src/kernels/exports.ts for the same list in TypeScript.

export { setRows } from './state';
export { exactBlock, exactGather, exactRow } from './exact';
export { scanRows, takeSims } from './scan';
