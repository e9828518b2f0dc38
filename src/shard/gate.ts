// Lets one at a time through, in the order in which they came: the update that is carried out, or a
// count that must not see points move.

export class Gate {
  #taken = false;
  readonly #line: (() => void)[] = [];

  /** Null: entered at once. Otherwise entered when it resolves. */
  enter(): Promise<void> | null {
    if (!this.#taken) {
      this.#taken = true;
      return null;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#line.push(resolve);
    return promise;
  }

  leave(): void {
    const next = this.#line.shift();
    if (next === undefined) this.#taken = false;
    else next();
  }
}
