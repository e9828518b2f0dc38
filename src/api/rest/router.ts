// Finds the route of a request. Duplicate slashes and one trailing slash do not matter; segments
// are percent-decoded after the match, so an encoded slash never makes a new segment.

import FindMyWay from 'find-my-way';
import { assert } from '../../base/assert.ts';
import type { Route } from './route.ts';

export interface RouteMatch {
  readonly route: Route;
  readonly params: Readonly<Record<string, string | undefined>>;
  /** What is behind the `?`, undecoded. */
  readonly query: string;
}

export type FindRoute = (method: string, url: string) => RouteMatch | null;

/** Longer segments match no route; the bound on the request head (64 KiB) comes first. */
const paramLengthMax = 128 * 1024;

export function createRouter(routes: readonly Route[]): FindRoute {
  const router = FindMyWay({
    ignoreDuplicateSlashes: true,
    ignoreTrailingSlash: true,
    maxParamLength: paramLengthMax,
    querystringParser: (query: string) => query,
  });
  for (const route of routes) {
    const pattern = route.path.replaceAll(/\{(\w+)\}/g, ':$1');
    router.on(route.method, pattern, () => undefined, route);
  }
  return (method, url) => {
    const match = router.find(method as Route['method'], url);
    if (match === null) return null;
    const query: unknown = match.searchParams;
    assert(typeof query === 'string', 'the query string stays text');
    return { route: match.store as Route, params: match.params, query };
  };
}
