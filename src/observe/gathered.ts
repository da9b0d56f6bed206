// What finished in one turn of the event loop, looked at in a row at its end. Counting a request and writing its line runs through code and
// tables that nothing else touches: done between other steps, each time the processor fetches all of it again, which costs more than
// the work itself.

export class Gathered<T> {
  readonly #take: (all: readonly T[]) => void
  #all: T[] = []

  /** @param take gets what came, in the order it came, before the event loop waits again */
  constructor(take: (all: readonly T[]) => void) {
    this.#take = take
  }

  add(one: T): void {
    if (this.#all.push(one) === 1) setImmediate(this.flush)
  }

  /** Hands over what is there, for who cannot wait for the end of the turn. */
  readonly flush = (): void => {
    const all = this.#all
    if (all.length === 0) return
    this.#all = []
    this.#take(all)
  }
}
