// Every wait of the engine has a limit, and one timer watches them all: a wheel of 100 ms slots. Putting a deadline off, which
// happens on every request, is a store; the wheel looks again when the old one would have been due.

import { performance } from 'node:perf_hooks'

const TICK_MS = 100
const SLOTS = 1024

/** Something that waits. Its owner calls Deadlines.set and, at its end, Deadlines.forget. */
export abstract class Timed {
  /** Milliseconds on the wheel's clock; Infinity for none. Write it only through Deadlines. */
  deadline = Number.POSITIVE_INFINITY
  /** The tick at which the wheel looks at this; Infinity when it stands in no slot. */
  dueTick = Number.POSITIVE_INFINITY
  nextInSlot: Timed | null = null
  previousInSlot: Timed | null = null

  /** The deadline passed. There is none afterwards. */
  abstract onDeadline(): void
}

export class Deadlines {
  /** Milliseconds, monotonic, up to one tick old: good enough for limits, free to read. */
  now = performance.now()
  #tick = Math.floor(this.now / TICK_MS)
  readonly #slots: (Timed | null)[] = Array.from({ length: SLOTS }, () => null)
  readonly #timer: NodeJS.Timeout

  constructor() {
    this.#timer = setInterval(() => this.advance(performance.now()), TICK_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Calls onDeadline once `afterMs` have passed (never early, up to two ticks late). Replaces what was set before. */
  set(item: Timed, afterMs: number): void {
    item.deadline = this.now + afterMs + TICK_MS
    const tick = Math.floor(item.deadline / TICK_MS)
    if (tick < item.dueTick) this.#place(item, tick)
  }

  /** No deadline for now. */
  clear(item: Timed): void {
    item.deadline = Number.POSITIVE_INFINITY
  }

  /** Takes it off the wheel. */
  forget(item: Timed): void {
    item.deadline = Number.POSITIVE_INFINITY
    if (item.dueTick !== Number.POSITIVE_INFINITY) this.#unlink(item)
  }

  /** Public for tests: moves the clock on and calls whatever is due. */
  advance(now: number): void {
    this.now = now
    const last = Math.floor(now / TICK_MS)
    // After a long stop of the process every slot is looked at once, not once for each missed round.
    if (last - this.#tick > SLOTS) this.#tick = last - SLOTS
    while (this.#tick < last) this.#fire(++this.#tick)
  }

  #fire(tick: number): void {
    const slot = tick % SLOTS
    // Taken off one by one, since a deadline may end its neighbours; whatever is put back lands in another slot.
    for (let item = this.#slots[slot]!; item !== null; item = this.#slots[slot]!) {
      this.#unlink(item)
      if (item.deadline <= this.now) {
        item.deadline = Number.POSITIVE_INFINITY
        item.onDeadline()
      } else if (item.deadline !== Number.POSITIVE_INFINITY) {
        this.#place(item, Math.floor(item.deadline / TICK_MS))
      }
    }
  }

  #place(item: Timed, wanted: number): void {
    if (item.dueTick !== Number.POSITIVE_INFINITY) this.#unlink(item)
    const tick = Math.min(Math.max(wanted, this.#tick + 1), this.#tick + SLOTS - 1)
    const slot = tick % SLOTS
    item.dueTick = tick
    const first = this.#slots[slot]!
    item.nextInSlot = first
    item.previousInSlot = null
    if (first !== null) first.previousInSlot = item
    this.#slots[slot] = item
  }

  #unlink(item: Timed): void {
    const { nextInSlot, previousInSlot } = item
    if (previousInSlot !== null) previousInSlot.nextInSlot = nextInSlot
    else this.#slots[item.dueTick % SLOTS] = nextInSlot
    if (nextInSlot !== null) nextInSlot.previousInSlot = previousInSlot
    item.nextInSlot = null
    item.previousInSlot = null
    item.dueTick = Number.POSITIVE_INFINITY
  }
}
