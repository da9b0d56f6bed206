// What an exchange holds on to when its route retries or mirrors: the body up to a bound, and the timers of attempts. Exchanges of other
// routes have none of this.

import type { Forwarding, ResponseHead, UpstreamFailure } from '../exchange.ts'

const EMPTY = Buffer.alloc(0)

export class Replay {
  readonly #forwarding: Forwarding
  #chunks: Buffer[] | null = []
  #room: number
  #backOff: NodeJS.Timeout | undefined
  #try: NodeJS.Timeout | undefined
  #copied = false

  constructor(forwarding: Forwarding) {
    this.#forwarding = forwarding
    this.#room = forwarding.keepBytes
  }

  /** Bytes of the body, in their order. What is longer than the bound is forgotten: it streams on, and cannot be sent again. */
  keep(bytes: Buffer): void {
    if (this.#chunks === null) return
    this.#room -= bytes.length
    if (this.#room < 0) this.#chunks = null
    else this.#chunks.push(bytes)
  }

  /** It still holds all of the body that has come. */
  get keeps(): boolean {
    return this.#chunks !== null
  }

  /** All of the body that has come; undefined when it was too long. */
  get body(): Buffer | undefined {
    const chunks = this.#chunks
    if (chunks === null) return undefined
    if (chunks.length === 0) return EMPTY
    return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)
  }

  /** The route decides on retries, a refused connection included, instead of the engine. */
  get decides(): boolean {
    return this.#forwarding.retries?.failuresToo === true
  }

  /** Milliseconds until the next attempt; -1 when this answer is the one. */
  afterAnswer(head: ResponseHead): number {
    return this.#chunks === null ? -1 : (this.#forwarding.retries?.afterAnswer(head) ?? -1)
  }

  afterFailure(failure: UpstreamFailure): number {
    return this.#chunks === null ? -1 : (this.#forwarding.retries?.afterFailure(failure) ?? -1)
  }

  /** Waits out a back-off. */
  wait(afterMs: number, then: () => void): void {
    this.#backOff = setTimeout(then, afterMs)
  }

  /** An attempt of a complete request begins: it has so long for the head of its answer. */
  startTry(onExpired: () => void): void {
    const timeoutMs = this.#forwarding.retries?.perTryTimeoutMs ?? 0
    this.endTry()
    if (timeoutMs > 0) this.#try = setTimeout(onExpired, timeoutMs)
  }

  endTry(): void {
    clearTimeout(this.#try)
  }

  /** All of the request is here and on its way: for mirrors. */
  copy(head: string): void {
    if (this.#copied || this.#forwarding.onRequestComplete === undefined) return
    this.#copied = true
    this.#forwarding.onRequestComplete(head, this.body)
  }

  cancel(): void {
    clearTimeout(this.#backOff)
    clearTimeout(this.#try)
  }
}
