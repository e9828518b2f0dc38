// Payload indexes: which field is indexed as what. The document form (as the API echoes it) and the
// resolved form that evaluation uses.

export type PayloadFieldType =
  | 'keyword'
  | 'integer'
  | 'float'
  | 'bool'
  | 'datetime'
  | 'uuid'
  | 'geo'
  | 'text';

/** `params` is present when the index was asked for by object; it is echoed as it was given. */
export interface PayloadFieldSchema {
  readonly dataType: PayloadFieldType;
  readonly params: PayloadFieldParams | null;
}

/** The API's own member names, echoed in collection info. */
export interface PayloadFieldParams {
  readonly type: PayloadFieldType;
  readonly is_tenant?: boolean;
  readonly is_principal?: boolean | null;
  readonly on_disk?: boolean;
  readonly enable_hnsw?: boolean;
  readonly lookup?: boolean | null;
  readonly range?: boolean | null;
}

/** Field path → schema, in order of creation. A plain record would mistake `__proto__`. */
export type PayloadSchema = ReadonlyMap<string, PayloadFieldSchema>;

/** Whether an integer index answers `match` (lookup) and ranges (range); true for other types. */
export function indexCapabilities(schema: PayloadFieldSchema): {
  readonly lookup: boolean;
  readonly range: boolean;
} {
  if (schema.dataType !== 'integer') return { lookup: true, range: true };
  return { lookup: schema.params?.lookup ?? true, range: schema.params?.range ?? true };
}
