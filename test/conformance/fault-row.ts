// The form of a row in the tables of faults, and the requests that many rows send.

export type Row = readonly [request: string, body: unknown, expected: string];

export const format = '400 Format error in JSON body: ';
export const invalid = '422 Validation error in JSON body: ';
export const upsert = 'PUT /collections/dot/points';
export const vector = [1, 2, 3, 4];
export const search = 'POST /collections/dot/points/search';
export const query = 'POST /collections/dot/points/query';
export const scroll = 'POST /collections/dot/points/scroll';
export const create = 'PUT /collections/new';
