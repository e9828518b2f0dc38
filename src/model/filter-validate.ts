// Rules that a filter of the right shape may still break. Their texts go into the list of a 422
// answer; a request with further rules joins the lists before it refuses.

import type { Condition, Filter } from './filter.ts';
import { RequestError } from './request-error.ts';

/** Throws `RequestError('validation')` that names every fault. */
export function assertFilterRules(filter: Filter, fieldPath: string): void {
  const faults = filterFaults(filter, fieldPath);
  if (faults.length === 0) return;
  throw new RequestError('validation', `Validation error in JSON body: [${faults.join('; ')}]`);
}

/** `path: reason` for every fault, in the order of the filter. */
export function filterFaults(filter: Filter, fieldPath: string): readonly string[] {
  const faults: string[] = [];
  const visitAll = (conditions: readonly Condition[] | null, path: string) => {
    for (const [index, condition] of (conditions ?? []).entries()) {
      faults.push(...conditionFaults(condition, `${path}[${index}]`));
    }
  };
  visitAll(filter.should, `${fieldPath}.should`);
  visitAll(filter.minShould?.conditions ?? null, `${fieldPath}.min_should.conditions`);
  visitAll(filter.must, `${fieldPath}.must`);
  visitAll(filter.mustNot, `${fieldPath}.must_not`);
  return faults;
}

function conditionFaults(condition: Condition, path: string): readonly string[] {
  if (condition.kind === 'filter') return filterFaults(condition.filter, path);
  if (condition.kind === 'nested') return filterFaults(condition.filter, `${path}.nested.filter`);
  if (condition.kind !== 'field') return [];
  const { match, range, datetimeRange, valuesCount, isEmpty, isNull } = condition;
  const tests = [match, range, datetimeRange, valuesCount, isEmpty, isNull];
  if (tests.some((test) => test !== null)) return [];
  return [`${path}.__all__: Validation error: At least one field condition must be specified [{}]`];
}
