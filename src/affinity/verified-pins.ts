// Pins whose signature was checked, remembered by their exact bytes, so that a visitor's pin costs one hash in its life and not one a
// request. Found by the last characters of a value, which are of its signature and so spread evenly: nothing is hashed.

import type { PinFinding } from './types.ts'

interface Entry {
  readonly value: string
  readonly finding: PinFinding
}

/** Characters that a slot is chosen by; base64url, six bits each. */
const keyLength = 4

export class VerifiedPins {
  /** Two places a slot: the newer first. */
  readonly #entries: (Entry | undefined)[]
  readonly #mask: number

  /** @param max about so many are remembered, a power of two of pairs; each takes about 0.5 KiB */
  constructor(max: number) {
    const slots = 2 ** Math.max(0, Math.floor(Math.log2(max / 2)))
    this.#mask = slots - 1
    this.#entries = Array.from({ length: slots * 2 }, () => undefined)
  }

  /** What was found out about the value at field[from..to). */
  find(field: string, from: number, to: number): PinFinding | undefined {
    if (to - from < keyLength) return undefined
    const at = this.#slot(field, to)
    return findingIn(this.#entries[at], field, from, to) ?? findingIn(this.#entries[at + 1], field, from, to)
  }

  /** `value` has to be a string of its own: a slice would keep the whole request in memory. */
  add(value: string, finding: PinFinding): void {
    const at = this.#slot(value, value.length)
    this.#entries[at + 1] = this.#entries[at]
    this.#entries[at] = { value, finding }
  }

  #slot(text: string, to: number): number {
    let key = 0
    for (let at = to - keyLength; at < to; at += 1) key = (key * 37 + text.charCodeAt(at)) | 0
    return (key & this.#mask) * 2
  }
}

function findingIn(entry: Entry | undefined, field: string, from: number, to: number): PinFinding | undefined {
  if (entry === undefined || entry.value.length !== to - from) return undefined
  return field.slice(from, to) === entry.value ? entry.finding : undefined
}
