// File names and kinds of the columns in a segment's directory. The kind is in the header of each
// file, so that a file in the wrong place is noticed.

/** Names of the columns that every segment has, and the kinds in their headers. */
export const fixedColumns = {
  integers: { name: 'ids-integer.column', kind: 'ids-u64' },
  uuids: { name: 'ids-uuid.column', kind: 'ids-uuid' },
  versions: { name: 'versions.column', kind: 'versions-f64' },
  payloadStarts: { name: 'payload-starts.column', kind: 'payload-starts' },
  payload: { name: 'payload.column', kind: 'payload' },
} as const;

export const vectorColumnKinds = {
  rows: 'vector-rows',
  codes: 'vector-codes',
  graph: 'vector-graph',
  absent: 'vector-absent',
} as const;

export const indexColumnKind = 'field-index';
