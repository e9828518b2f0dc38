// Cosine normalisation, once at write time and once on the query. All arithmetic is f32, in the
// order of the components, so that the same input gives the same bits on every thread and machine.

const squaresMin = 1.1920929e-7;
const unitTolerance = 1e-6;

/**
 * A vector of length 1 in the same direction. A vector that is already of length 1 (within 1e-6 of
 * the square), or shorter than about 3.45e-4, comes back as it is: the same object.
 */
export function normalizeCosine(vector: Float32Array): Float32Array {
  let squares = 0;
  for (let i = 0; i < vector.length; i += 1) {
    const x = vector[i] ?? 0;
    squares = Math.fround(squares + Math.fround(x * x));
  }
  if (squares < squaresMin || Math.abs(Math.fround(squares - 1)) <= unitTolerance) return vector;
  const length = Math.fround(Math.sqrt(squares));
  const result = new Float32Array(vector.length);
  for (let i = 0; i < vector.length; i += 1) result[i] = (vector[i] ?? 0) / length;
  return result;
}
