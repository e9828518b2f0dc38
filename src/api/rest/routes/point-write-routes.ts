// Placeholder until the endpoints of this area are written.

import type { Route } from '../route.ts';

export const pointWriteRoutes: readonly Route[] = [];
