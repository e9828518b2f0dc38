// Endpoints that change points.

import {
  type ChangeReader,
  decodeChange,
  decodeChangeBatch,
  readClearPayload,
  readDelete,
  readDeletePayload,
  readDeleteVectors,
  readOverwritePayload,
  readSetPayload,
  readUpdateVectors,
} from '../decode/point-updates.ts';
import { readUpsert } from '../decode/upsert.ts';
import { updateDocument, updateResult } from '../encode/update-result.ts';
import { collectionName } from '../path-params.ts';
import { writeOptions } from '../query-string.ts';
import { plainResult, type Route } from '../route.ts';

const points = '/collections/{collection_name}/points';

function changeRoute(method: 'PUT' | 'POST', path: string, read: ChangeReader): Route {
  return {
    method,
    path,
    access: 'manage',
    takesBody: true,
    measured: true,
    prepare: (input, services) => {
      const name = collectionName(input);
      const change = decodeChange(input.body, read);
      const options = writeOptions(input.query);
      return async () => updateResult(await services.points.change(name, change, options));
    },
  };
}

export const pointWriteRoutes: readonly Route[] = [
  changeRoute('PUT', points, readUpsert),
  changeRoute('POST', `${points}/delete`, readDelete),
  changeRoute('PUT', `${points}/vectors`, readUpdateVectors),
  changeRoute('POST', `${points}/vectors/delete`, readDeleteVectors),
  changeRoute('POST', `${points}/payload`, readSetPayload),
  changeRoute('PUT', `${points}/payload`, readOverwritePayload),
  changeRoute('POST', `${points}/payload/delete`, readDeletePayload),
  changeRoute('POST', `${points}/payload/clear`, readClearPayload),
  {
    method: 'POST',
    path: `${points}/batch`,
    access: 'manage',
    takesBody: true,
    measured: true,
    prepare: (input, services) => {
      const name = collectionName(input);
      const changes = decodeChangeBatch(input.body);
      const options = writeOptions(input.query);
      return async () => {
        const results = await services.points.changeAll(name, changes, options);
        return plainResult(results.map(updateDocument));
      };
    },
  },
];
