// What the compiled module exports. See src/kernels/exports.ts for the same list in TypeScript.

export { setBuild, setCodes, setGraph, setRows, setScratch } from './state';
export { exactBlock, exactGather, exactRow } from './exact';
export { scanRows, takeSims } from './scan';
export {
  centreWidened, clearPadding, encodeDotQuery, encodeRowQuery, encodeRows, encodeWidened,
  normalizeWidened, rotateWidened, scoreBatch,
} from './codes';
export { insertPoint, nearestCode } from './insert';
export {
  rescore, scanCodes, searchAll, searchFiltered, takeScores, withoutHidden,
} from './search';
