// A filter made ready for one payload schema: paths parsed, and for each condition settled whether
// an index decides it or the payload. It says nothing about a segment: one that lacks the index
// still answers as the index would, from the payload. Holds class instances of `base` only; compile
// it anew in each thread.

import type { JsonValue } from '../../base/json-value.ts';
import type { FieldCondition } from '../../model/filter.ts';
import type { PayloadPath } from '../../model/payload-path.ts';
import type { PayloadFieldType } from '../../model/payload-schema.ts';
import type { PointId } from '../../model/point-id.ts';
import type { IndexTest } from '../payload/field-index.ts';

export interface CompiledFilter {
  readonly root: FilterNode;
  /** Equal keys have equal matches: names the filter and the indexes that decide in it. */
  readonly key: string;
}

export type FilterNode =
  | { readonly kind: 'constant'; readonly value: boolean }
  | { readonly kind: 'and'; readonly children: readonly FilterNode[] }
  | { readonly kind: 'or'; readonly children: readonly FilterNode[] }
  | { readonly kind: 'not'; readonly child: FilterNode }
  | {
      readonly kind: 'at_least';
      readonly count: number;
      readonly children: readonly FilterNode[];
    }
  | { readonly kind: 'has_id'; readonly ids: ReadonlySet<PointId> }
  | { readonly kind: 'has_vector'; readonly name: string }
  | IndexedNode
  | PayloadNode
  | NestedNode;

/** Decided by the index of type `dataType` on `key`. */
export interface IndexedNode {
  readonly kind: 'indexed';
  readonly key: string;
  readonly path: PayloadPath;
  readonly dataType: PayloadFieldType;
  readonly test: IndexTest;
}

/** Decided by the values that the payload holds at `path`. */
export interface PayloadNode {
  readonly kind: 'payload';
  readonly path: PayloadPath;
  readonly test: PayloadTest;
}

/** True if some object among the values at `path` satisfies `element`. */
export interface NestedNode {
  readonly kind: 'nested';
  readonly path: PayloadPath;
  /** Its payload paths are relative to the element. */
  readonly element: FilterNode;
}

export type PayloadTest =
  | {
      readonly kind: 'field';
      readonly condition: FieldCondition;
      /** Values of `any` and `except`, pieces of `text_any`: made once, empty for the others. */
      readonly listed: ReadonlySet<JsonValue>;
      readonly pieces: readonly string[];
    }
  /** The object forms `{"is_empty": …}` and `{"is_null": …}`. */
  | { readonly kind: 'is_empty' }
  | { readonly kind: 'is_null' };
