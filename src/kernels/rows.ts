// Components to stored rows and back: f32 as they are, halves, or bytes. A row is padded with zeros
// to a multiple of 16 bytes. A u8 component is cut toward zero and clamped to 0…255; NaN becomes 0.

import type { VectorElement } from './layout.ts';

/** Writes one row at a byte address of `buffer`; the padding must be zero already. */
export function writeRow(
  buffer: ArrayBufferLike,
  at: number,
  element: VectorElement,
  vector: ArrayLike<number>,
): void {
  if (element === 'f32') {
    new Float32Array(buffer, at, vector.length).set(vector);
    return;
  }
  if (element === 'f16') {
    new Float16Array(buffer, at, vector.length).set(vector);
    return;
  }
  // Clamping converts NaN to 0 but rounds to nearest, so it is cut first.
  const bytes = new Uint8ClampedArray(buffer, at, vector.length);
  for (let i = 0; i < vector.length; i += 1) bytes[i] = Math.trunc(vector[i] ?? 0);
}

/** The components of one row, as f32. */
export function readRow(
  buffer: ArrayBufferLike,
  at: number,
  element: VectorElement,
  dimension: number,
): Float32Array {
  const result = new Float32Array(dimension);
  if (element === 'f32') result.set(new Float32Array(buffer, at, dimension));
  else if (element === 'f16') result.set(new Float16Array(buffer, at, dimension));
  else result.set(new Uint8Array(buffer, at, dimension));
  return result;
}
