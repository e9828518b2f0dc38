// The release of the API that Octant speaks: what `GET /`, `/telemetry` and `app_info` report, and
// what clients compare with their own release.

export const apiVersion = '1.19.0';
export const apiTitle = 'qdrant - vector search engine';
