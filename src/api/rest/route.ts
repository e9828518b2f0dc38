// What an endpoint is: a method, a path pattern, who may call it, and a function that decodes a
// request and says how to answer it. Decoding and answering are apart because a malformed request
// is refused before the caller's rights are looked at, and those before anything is done.

import type { Services } from '../../server/services/services.ts';
import type { JsonWriter } from './json-writer.ts';
import type { QueryString } from './query-string.ts';

export interface RequestInput {
  /** Path segments by the pattern's names, percent-decoded. */
  readonly params: Readonly<Record<string, string | undefined>>;
  readonly query: QueryString;
  /** Empty for endpoints that take none. */
  readonly body: Uint8Array;
}

export type Reply =
  /** `{"result":…,"status":"ok","time":…}` */
  | { readonly kind: 'result'; readonly write: (writer: JsonWriter) => void }
  /** JSON without an envelope. */
  | { readonly kind: 'json'; readonly write: (writer: JsonWriter) => void }
  | {
      readonly kind: 'text';
      readonly status: number;
      readonly text: string;
      readonly contentType: string;
    };

export type Run = () => Reply | Promise<Reply>;

export interface Route {
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  /** `/collections/{collection_name}`; this text is the endpoint's name in metrics. */
  readonly path: string;
  /** `open`: without a key even where keys are configured. */
  readonly access: 'open' | 'read' | 'manage';
  readonly takesBody: boolean;
  /** The body is one JSON value that is kept as it is (see raw-body.ts). */
  readonly takesRawJson?: true;
  /** Point-level endpoints, whose requests are counted for `/metrics` and `/telemetry`. */
  readonly measured: boolean;
  readonly prepare: (input: RequestInput, services: Services) => Run;
}

/** A result that `JSON.stringify` prints rightly. */
export function plainResult(value: unknown): Reply {
  return { kind: 'result', write: (writer) => writer.plain(value) };
}

export function textReply(status: number, text: string): Reply {
  return { kind: 'text', status, text, contentType: 'text/plain; charset=utf-8' };
}
