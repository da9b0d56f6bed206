// What a request becomes once both sides have switched to websocket (RFC 6455): bytes in both directions, each side held back by the
// other, each ended on its own. Bytes to the client go the way of all answers, through the exchange.

import type { ClientLink } from './client-link.ts'
import type { UpstreamLink } from './upstream-link.ts'

/** A peer that vanished without a word is noticed by TCP: while both sides are open a tunnel may be silent as long as it likes. */
const KEEPALIVE_MS = 30_000

export class Tunnel<L> {
  /** Bytes from the client. */
  bytesReceived = 0
  readonly #client: ClientLink<L>
  /** Null once it is gone. It never returns to its pool. */
  #upstream: UpstreamLink | null
  #upstreamEnded = false

  constructor(client: ClientLink<L>, upstream: UpstreamLink) {
    this.#client = client
    this.#upstream = upstream
    client.socket.setKeepAlive(true, KEEPALIVE_MS)
    upstream.socket.setKeepAlive(true, KEEPALIVE_MS)
    client.waitFor(Infinity)
    client.resumeReading()
  }

  /** What the client sent before the upstream had switched was held until now. */
  open(early: Buffer | null): void {
    if (early !== null) this.onClientData(early)
    if (this.#client.ended) this.onClientEnd()
  }

  onClientData(bytes: Buffer): void {
    const upstream = this.#upstream
    if (upstream === null) return
    this.bytesReceived += bytes.length
    if (this.#upstreamEnded) this.#waitForMore()
    const room = upstream.socket.write(bytes)
    upstream.spend(bytes)
    if (room) return
    this.#client.pauseReading()
    upstream.socket.setTimeout(this.#client.owner.limits.writeStallTimeoutMs)
  }

  /** The client has no more to say; the upstream may have. */
  onClientEnd(): void {
    this.#upstream?.socket.end()
    this.#waitForMore()
  }

  onUpstreamEnd(): void {
    this.#upstreamEnded = true
    this.#client.socket.end()
    this.#waitForMore()
  }

  /** The upstream connection is gone: what it sent still reaches the client. */
  onUpstreamGone(): void {
    this.#upstream = null
    this.#client.destroySoon()
  }

  /** The client is gone: what it sent still reaches the upstream. */
  onClientGone(): void {
    this.#upstream?.destroySoon()
    this.#upstream = null
  }

  /** One side has ended: the other may go on for as long as something comes. */
  #waitForMore(): void {
    this.#client.waitFor(this.#client.owner.limits.idleTimeoutMs)
  }
}
