// The fields that searches and queries share, with their defaults and rules.

import type { JsonScanner } from '../../../base/json-scanner.ts';
import type { Filter } from '../../../model/filter.ts';
import type { SearchParams } from '../../../model/read.ts';
import type { QueryRequest } from '../../../server/services/query-request.ts';
import type { PayloadSelection, VectorSelection } from '../../../server/services/selections.ts';
import {
  readFilter,
  readPayloadSelection,
  readVectorSelection,
  refuseShardKey,
} from './shared-fields.ts';
import { type FieldReaders, nullable, readCount, readStruct, type Violations } from './struct.ts';

const defaultParams: SearchParams = { hnswEf: null, exact: false, indexedOnly: false };

export class QueryFields {
  readonly #scanner: JsonScanner;
  readonly #path: string;
  readonly #violations: Violations;
  #filter: Filter | null = null;
  #params = defaultParams;
  #limit = 10;
  #offset = 0;
  #scoreThreshold: number | null = null;
  #withPayload: PayloadSelection = 'none';
  #withVectors: VectorSelection = false;

  /** `path` is what 422 texts put before a field. */
  constructor(scanner: JsonScanner, path: string, violations: Violations) {
    this.#scanner = scanner;
    this.#path = path;
    this.#violations = violations;
  }

  /** What reads the common fields, and `own` ones. */
  readers(own: FieldReaders): FieldReaders {
    const scanner = this.#scanner;
    const path = this.#path;
    const violations = this.#violations;
    const withVectors = () => {
      this.#withVectors = nullable(scanner, () => readVectorSelection(scanner)) ?? false;
    };
    return {
      filter: () => {
        this.#filter = readFilter(scanner, `${path}.filter`, violations);
      },
      params: () => {
        const params = nullable(scanner, () => this.#readParams());
        if (params !== null) this.#params = params;
      },
      offset: () => {
        this.#offset = nullable(scanner, () => readCount(scanner)) ?? 0;
      },
      with_payload: () => {
        this.#withPayload = readPayloadSelection(scanner) ?? 'none';
      },
      with_vector: withVectors,
      with_vectors: withVectors,
      score_threshold: () => {
        const threshold = nullable(scanner, () => scanner.readFloat64('f32'));
        if (threshold !== null) this.#scoreThreshold = Math.fround(threshold);
      },
      shard_key: () => refuseShardKey(scanner),
      // Last: a literal that begins with a spread is built entry by entry, many times slower.
      ...own,
    };
  }

  readLimit(): void {
    this.#limit = readCount(this.#scanner);
    this.#violations.min(`${this.#path}.limit`, this.#limit, 1);
  }

  #readParams(): SearchParams {
    const scanner = this.#scanner;
    let hnswEf: number | null = null;
    let exact = false;
    let indexedOnly = false;
    readStruct(scanner, 'struct SearchParams', {
      hnsw_ef: () => {
        hnswEf = nullable(scanner, () => readCount(scanner));
      },
      exact: () => {
        exact = scanner.readBoolean();
      },
      indexed_only: () => {
        indexedOnly = scanner.readBoolean();
      },
      quantization: () => void nullable(scanner, () => this.#checkQuantization()),
      acorn: () => void nullable(scanner, () => this.#checkAcorn()),
    });
    return { hnswEf, exact, indexedOnly };
  }

  /** Scores come from the original vectors whatever is asked here, so it is only checked. */
  #checkQuantization(): void {
    const scanner = this.#scanner;
    const path = `${this.#path}.params.quantization.oversampling`;
    readStruct(scanner, 'struct QuantizationSearchParams', {
      ignore: () => void scanner.readBoolean(),
      rescore: () => void nullable(scanner, () => scanner.readBoolean()),
      oversampling: () => {
        const factor = nullable(scanner, () => scanner.readFloat64());
        if (factor === null || factor >= 1) return;
        const shown = Number.isInteger(factor) ? `${factor}.0` : String(factor);
        this.#violations.add(path, `value ${shown} invalid, must be 1.0 or larger`);
      },
    });
  }

  /** Filtered search keeps its recall without it, so it is only checked. */
  #checkAcorn(): void {
    const scanner = this.#scanner;
    readStruct(scanner, 'struct AcornSearchParams', {
      enable: () => void scanner.readBoolean(),
      max_selectivity: () => {
        const selectivity = nullable(scanner, () => scanner.readFloat64());
        const path = `${this.#path}.params.acorn.max_selectivity`;
        this.#violations.floatRange(path, selectivity, [0, 1]);
      },
    });
  }

  /** The lower bound of scores, or `null`. */
  get scoreThreshold(): number | null {
    return this.#scoreThreshold;
  }

  finish(
    query: QueryRequest['query'],
    using: string,
    lookupFrom: QueryRequest['lookupFrom'],
  ): QueryRequest {
    return {
      query,
      using,
      lookupFrom,
      filter: this.#filter,
      params: this.#params,
      scoreThreshold: this.#scoreThreshold,
      limit: this.#limit,
      offset: this.#offset,
      withPayload: this.#withPayload,
      withVectors: this.#withVectors,
    };
  }
}
