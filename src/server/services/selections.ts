// Which parts of a point a client wants to see.

/** Paths are payload paths, checked. */
export type PayloadSelection =
  | 'all'
  | 'none'
  | { readonly include: readonly string[] }
  | { readonly exclude: readonly string[] };

export type VectorSelection = boolean | readonly string[];
