// The decoded path segments of a request, with the exact faults of the API.

import type { PointId } from '../../model/point-id.ts';
import { integerPointId, uuidPointId } from '../../model/point-id.ts';
import { RequestError } from '../../model/request-error.ts';
import type { RequestInput } from './route.ts';

const nameLengthMax = 255;
/** Characters that no new collection or vector name may have. */
const newNameRefused = '<>:"/\\|?*\0\u001f';
const oldNameRefused = '/\0';
/** Most names are so plain that nothing else has to be looked at. */
const plainName = /^[\w-]{1,255}$/;

/** The collection of a path; `isNew` where the endpoint creates it under this name. */
export function collectionName(input: RequestInput, isNew = false): string {
  const name = input.params['collection_name'] ?? '';
  if (plainName.test(name)) return name;
  const length = Array.from(name).length;
  if (length < 1 || length > nameLengthMax) {
    throw pathViolation(
      `collection_name: value ${JSON.stringify(name)} invalid, ` +
        `must be from 1 to ${nameLengthMax} characters`,
    );
  }
  const refused = firstOf(name, isNew ? newNameRefused : oldNameRefused);
  if (refused !== null) {
    throw pathViolation(`collection_name: collection name cannot contain "${refused}" char`);
  }
  return name;
}

/** The first refused character of a vector name, `null` if there is none. */
export function refusedVectorNameChar(name: string): string | null {
  return firstOf(name, newNameRefused);
}

/** The first of these characters in `text`. */
function firstOf(text: string, characters: string): string | null {
  for (const character of text) if (characters.includes(character)) return character;
  return null;
}

function pathViolation(detail: string): RequestError {
  return new RequestError('validation', `Validation error in path parameters: [${detail}]`);
}

/** Digits are an integer id here; in a body they would be refused. */
export function pathPointId(input: RequestInput): PointId {
  const text = input.params['id'] ?? '';
  const id = /^\+?[0-9]+$/.test(text) ? integerPointId(BigInt(text)) : uuidPointId(text);
  if (id !== null) return id;
  throw new RequestError('wrong_input', `Can not recognize "${text}" as point id`);
}
