// The life of a connection to an endpoint, whatever speaks HTTP on it: connecting, taken by a request, back in its pool or gone. Drawn in
// docs/engine.md. Reads and writes nothing; upstream-connection.ts and ../https-upstream.ts do.

import type { Socket } from 'node:net'
import { Timed } from './deadlines.ts'
import type { Breakage, LinkPool, UpstreamLink, UpstreamUser } from './upstream-link.ts'

export const CONNECTING = 0
/** In its pool. */
const IDLE = 1
/** A request has it, and no final head has come. */
export const HEAD = 2
export const TUNNEL = 3
/** The answer has been read to its end. */
export const ENDED = 4
const CLOSED = 5
/** States from here on are the subclass's own: ways to read a body. */
export const BODY = 6

export abstract class PooledConnection extends Timed implements UpstreamLink {
  readonly pool: LinkPool
  abstract readonly socket: Socket
  used = false
  silent = true
  protected user: UpstreamUser | null = null
  protected state = CONNECTING
  /** Nothing was seen yet that forbids another request on it. */
  protected reusable = false
  protected paused = false
  /** A request has it, or waits for it to connect. */
  private held = true

  constructor(pool: LinkPool) {
    super()
    this.pool = pool
  }

  abstract sendRequest(head: string, body: Buffer | null, chunked: boolean, ended: boolean, soon: boolean): void
  abstract sendBody(buffer: Buffer, from: number, to: number, chunked: boolean, ended: boolean): boolean
  abstract spend(buffer: Buffer): void
  abstract resume(): void
  /** It goes back to its pool. Returns for how many milliseconds it may stay there unused. */
  protected abstract rest(): number
  /** It is closed: lets go of everything that belonged to its request. */
  protected abstract letGo(): void

  get connecting(): boolean {
    return this.state === CONNECTING
  }

  assign(user: UpstreamUser): void {
    this.user = user
    this.held = true
    this.reusable = false
    this.silent = true
    if (this.state === IDLE) {
      this.state = HEAD
      this.pool.upstreams.deadlines.clear(this)
    }
  }

  release(): void {
    const { pool, socket } = this
    const clean = this.state === ENDED && this.reusable && this.user !== null && this.user.requestSent
    this.user = null
    if (!clean || pool.retired || socket.destroyed || socket.writableLength > 0) {
      this.destroy()
      return
    }
    this.used = true
    this.state = IDLE
    this.held = false
    pool.upstreams.deadlines.set(this, this.rest())
    pool.release(this)
  }

  destroy(): void {
    this.user = null
    this.retire()
    this.socket.destroy()
  }

  destroySoon(): void {
    this.user = null
    this.retire()
    this.socket.setTimeout(this.pool.upstreams.limits.writeStallTimeoutMs)
    this.socket.destroySoon()
  }

  override onDeadline(): void {
    if (this.state === CONNECTING) this.breakOff('connect-timeout')
    else if (this.state === IDLE) this.destroy()
  }

  /** Whoever waits for it may send. False when it was given up meanwhile. */
  protected becomeConnected(): boolean {
    if (this.state !== CONNECTING) return false
    this.pool.upstreams.deadlines.clear(this)
    this.state = HEAD
    return true
  }

  /** Ends the connection because of what the peer did, and says so. */
  protected breakOff(why: Breakage): true {
    const user = this.state === CLOSED ? null : this.user
    this.user = null
    this.retire()
    this.socket.destroy()
    user?.onBroken(this, why)
    return true
  }

  protected retire(): void {
    if (this.state === CLOSED) return
    const wasConnecting = this.connecting
    this.state = CLOSED
    this.letGo()
    this.pool.upstreams.deadlines.forget(this)
    this.pool.closed(this, this.held, wasConnecting)
  }
}
