// Every endpoint of the REST API in one list.

import type { Route } from '../route.ts';
import { clusterRoutes } from './cluster-routes.ts';
import { collectionRoutes } from './collection-routes.ts';
import { pointReadRoutes } from './point-read-routes.ts';
import { pointWriteRoutes } from './point-write-routes.ts';
import { serviceRoutes } from './service-routes.ts';
import { unbuiltRoutes } from './unbuilt-routes.ts';

export const allRoutes: readonly Route[] = [
  ...serviceRoutes,
  ...clusterRoutes,
  ...collectionRoutes,
  ...pointReadRoutes,
  ...pointWriteRoutes,
  ...unbuiltRoutes,
];
