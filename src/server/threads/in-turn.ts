// Actions with the same key one after the other, in the order of the calls, whatever comes of those
// before; actions with different keys at once.

export class InTurn {
  readonly #last = new Map<string, Promise<void>>();

  run<Result>(key: string, action: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(key);
    const result = before === undefined ? action() : before.then(action);
    const ended: Promise<void> = result.then(
      () => this.#forget(key, ended),
      () => this.#forget(key, ended),
    );
    this.#last.set(key, ended);
    return result;
  }

  #forget(key: string, ended: Promise<void>): void {
    if (this.#last.get(key) === ended) this.#last.delete(key);
  }
}
