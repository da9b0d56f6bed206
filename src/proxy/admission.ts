// Whether a request may come in at all: not while the gateway sheds load, and not more of one client at a time than limits allow.
// Counts by the client's address as rules see it, which behind a trusted proxy is not the peer of the connection.

import type { Address } from '../rules/types.ts'

export class Admission {
  /** Every request from outside is refused. */
  shedding = false
  /** Under way for one client; 0 for no limit. */
  requestsPerAddress = 0
  readonly #underWay = new Map<string, number>()

  /** What to hand to `leave` when the request has ended; undefined when there are too many already. */
  enter(address: Address): string | undefined {
    // Whoever has one IPv6 address has its whole /64.
    const key = address.family === 4 ? address.text : `${address.high}`
    const count = this.#underWay.get(key) ?? 0
    if (count >= this.requestsPerAddress) return undefined
    this.#underWay.set(key, count + 1)
    return key
  }

  leave(key: string): void {
    const left = (this.#underWay.get(key) ?? 1) - 1
    if (left === 0) this.#underWay.delete(key)
    else this.#underWay.set(key, left)
  }
}
