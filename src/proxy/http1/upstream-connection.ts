// One connection to an endpoint and the answer that is read on it. Hands heads and body spans to the request that holds it, and
// goes back to its pool only when both messages ended cleanly. Drawn in docs/engine.md.

import net from 'node:net'
import { BROKEN, ChunkedDecoder, MORE } from './chunked.ts'
import { Timed } from './deadlines.ts'
import { LF } from './bytes.ts'
import { ResponseMessage, parseResponse } from './response-head.ts'
import type { EndpointPool } from './upstreams.ts'

/** Who holds or waits for a connection: a forwarded request. */
export interface UpstreamUser {
  /** The answer has no body, whatever its fields say (RFC 9112 6.3). */
  readonly asksHead: boolean
  /** A 101 may come. */
  readonly asksWebsocket: boolean
  /** All of the request has been written. */
  readonly requestSent: boolean
  /** The wait in the pool is over. */
  onTurn(connection: UpstreamConnection): void
  onConnected(): void
  /** There is room for more of the body. */
  onUpstreamDrain(): void
  /** An interim answer, 101 apart. False when there were too many. */
  onInterim(head: ResponseMessage): boolean
  /**
   * The final head with the first span of its body. `ended`: this was all of it. Each of these three returns false when
   * the buffer is not to be read into again until resume() is called, because its bytes still wait to be written.
   */
  onHead(head: ResponseMessage, framing: BodyFraming, buffer: Buffer, from: number, to: number, ended: boolean): boolean
  onBody(buffer: Buffer, from: number, to: number, ended: boolean): boolean
  onTunnelData(buffer: Buffer, from: number, to: number): boolean
  onTunnelEnd(): void
  /** Broken before the answer was whole. */
  onBroken(connection: UpstreamConnection, why: Breakage): void
}

/** refused and connect-timeout: nothing was sent. reset: it broke off. bad-response: what came is not strict HTTP/1.1. */
export type Breakage = 'refused' | 'connect-timeout' | 'reset' | 'bad-response'

export type BodyFraming = 'none' | 'length' | 'chunked' | 'until-close' | 'tunnel'

/** Bytes in front of and behind what is read, for the framing of chunks that is written around the data in place. */
const ROOM = 16
const READ_BYTES = 65_536

const CONNECTING = 0
const IDLE = 1
const HEAD = 2
const LENGTH = 3
const CHUNKED = 4
const UNTIL_CLOSE = 5
const TUNNEL = 6
const ENDED = 7
const CLOSED = 8

const responseHead = new ResponseMessage()

export class UpstreamConnection extends Timed {
  readonly pool: EndpointPool
  readonly socket: net.Socket
  /** It has answered a request before: the peer may have closed it without our knowing yet. */
  used = false
  /** No byte of an answer to the request at hand has come. */
  silent = true
  #user: UpstreamUser | null = null
  #held = true
  #state = CONNECTING
  #left = 0
  #decoder: ChunkedDecoder | null = null
  /** The start of a head that came in pieces. */
  #partial: Buffer | null = null
  #reusable = false
  #paused = false
  readonly #slab: Buffer

  constructor(pool: EndpointPool) {
    super()
    this.pool = pool
    const { address, port } = pool.endpoint
    this.#slab = Buffer.allocUnsafeSlow(READ_BYTES + 2 * ROOM)
    const buffer = this.#slab.subarray(ROOM, ROOM + READ_BYTES)
    this.socket = net.connect({
      host: address,
      port,
      noDelay: true,
      allowHalfOpen: true,
      onread: { buffer, callback: (bytes) => this.#onRead(bytes) },
    })
    this.socket.on('connect', () => this.#onConnect())
    this.socket.on('end', () => this.#onEnd())
    this.socket.on('error', () => this.#onError())
    this.socket.on('close', () => this.#onClose())
    this.socket.on('drain', () => this.#user?.onUpstreamDrain())
    pool.upstreams.deadlines.set(this, pool.upstreams.limits.connectTimeoutMs)
  }

  get connecting(): boolean {
    return this.#state === CONNECTING
  }

  /** Gives the connection to a request, which may write at once unless it is still connecting. */
  assign(user: UpstreamUser): void {
    this.#user = user
    this.#held = true
    this.#reusable = false
    this.silent = true
    if (this.#state === IDLE) {
      this.#state = HEAD
      this.pool.upstreams.deadlines.clear(this)
    }
  }

  /** Reads on after a callback of the user returned false. */
  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.socket.resume()
  }

  /** The answer has been read and passed on. Back to the pool if both messages ended cleanly, else closed. */
  release(): void {
    const user = this.#user
    this.#user = null
    if (this.#state !== ENDED || !this.#reusable || user === null || !user.requestSent || this.socket.destroyed) {
      this.destroy()
      return
    }
    this.used = true
    this.#state = IDLE
    this.#held = false
    this.pool.upstreams.deadlines.set(this, this.pool.upstreams.limits.upstreamIdleTimeoutMs)
    this.resume()
    this.pool.release(this)
  }

  /** Closes it and tells nobody. */
  destroy(): void {
    this.#user = null
    this.#retireState()
    this.socket.destroy()
  }

  override onDeadline(): void {
    if (this.#state === CONNECTING) this.#break('connect-timeout')
    else if (this.#state === IDLE) this.destroy()
  }

  #onConnect(): void {
    if (this.#state !== CONNECTING) return
    this.pool.upstreams.deadlines.clear(this)
    this.#state = HEAD
    this.#user?.onConnected()
  }

  #onRead(bytes: number): boolean {
    this.silent = false
    const go = this.#take(this.#slab, ROOM, ROOM + bytes)
    if (!go) this.#paused = true
    return go
  }

  #take(buffer: Buffer, at: number, end: number): boolean {
    const user = this.#user
    if (user === null) {
      // Bytes that nobody asked for: whatever they are, the next request must not take them for its answer.
      this.destroy()
      return true
    }
    switch (this.#state) {
      case HEAD:
        return this.#takeHead(user, buffer.subarray(at, end))
      case LENGTH:
        return this.#takeLength(user, buffer, at, end)
      case CHUNKED:
        return this.#takeChunked(user, buffer, at, end)
      case UNTIL_CLOSE:
        return user.onBody(buffer, at, end, false)
      case TUNNEL:
        return user.onTunnelData(buffer, at, end)
      default:
        this.#reusable = false
        return true
    }
  }

  #takeHead(user: UpstreamUser, read: Buffer): boolean {
    let buffer = read
    if (this.#partial !== null) {
      const worthATry = buffer.includes(LF) || this.#partial.length > this.pool.upstreams.limits.headBytes
      buffer = Buffer.concat([this.#partial, buffer])
      this.#partial = buffer
      if (!worthATry) return true
    }
    for (;;) {
      const length = parseResponse(responseHead, buffer, this.pool.upstreams.limits)
      if (length < 0) return this.#break('bad-response')
      if (length === 0) {
        this.#partial = Buffer.from(buffer)
        return true
      }
      if (responseHead.status >= 200 || responseHead.status === 101) {
        this.#partial = null
        return this.#takeFinalHead(user, buffer, length)
      }
      if (!user.onInterim(responseHead)) return this.#break('bad-response')
      buffer = buffer.subarray(length)
      this.#partial = buffer.length > 0 ? Buffer.from(buffer) : null
      if (buffer.length === 0) return true
    }
  }

  #takeFinalHead(user: UpstreamUser, buffer: Buffer, at: number): boolean {
    const head = responseHead
    const { status } = head
    const end = buffer.length
    this.#reusable = head.keepsAlive
    if (status === 101) {
      if (!user.asksWebsocket || !isWebsocketAnswer(head)) return this.#break('bad-response')
      this.#state = TUNNEL
      return user.onHead(head, 'tunnel', buffer, at, end, false)
    }
    if (user.asksHead || status === 204 || status === 304) {
      // A body where there must be none would be the next request's answer. With 304 a length is customary, so it is believed.
      const bodyAnnounced = head.chunked || head.contentLength > 0
      if (end > at || (bodyAnnounced && status !== 304)) this.#reusable = false
      this.#state = ENDED
      return user.onHead(head, 'none', buffer, at, at, true)
    }
    if (head.chunked) return this.#takeChunkedHead(user, buffer, at)
    if (head.contentLength === -1) {
      this.#reusable = false
      this.#state = UNTIL_CLOSE
      return user.onHead(head, 'until-close', buffer, at, end, false)
    }
    const to = Math.min(end, at + head.contentLength)
    if (to < end) this.#reusable = false
    this.#left = head.contentLength - (to - at)
    this.#state = this.#left === 0 ? ENDED : LENGTH
    return user.onHead(head, 'length', buffer, at, to, this.#left === 0)
  }

  #takeChunkedHead(user: UpstreamUser, buffer: Buffer, at: number): boolean {
    const decoder = (this.#decoder ??= new ChunkedDecoder())
    decoder.reset()
    const stop = decoder.decode(buffer, at, buffer.length)
    if (stop === BROKEN) return this.#break('bad-response')
    const ended = stop !== MORE
    if (ended && stop < buffer.length) this.#reusable = false
    this.#state = ended ? ENDED : CHUNKED
    return user.onHead(responseHead, 'chunked', buffer, decoder.dataStart, decoder.dataEnd, ended)
  }

  #takeLength(user: UpstreamUser, buffer: Buffer, at: number, end: number): boolean {
    const to = Math.min(end, at + this.#left)
    if (to < end) this.#reusable = false
    this.#left -= to - at
    const ended = this.#left === 0
    if (ended) this.#state = ENDED
    return user.onBody(buffer, at, to, ended)
  }

  #takeChunked(user: UpstreamUser, buffer: Buffer, at: number, end: number): boolean {
    const decoder = this.#decoder!
    const stop = decoder.decode(buffer, at, end)
    if (stop === BROKEN) return this.#break('bad-response')
    const ended = stop !== MORE
    if (ended && stop < end) this.#reusable = false
    if (ended) this.#state = ENDED
    else if (decoder.dataEnd === decoder.dataStart) return true
    return user.onBody(buffer, decoder.dataStart, decoder.dataEnd, ended)
  }

  #onEnd(): void {
    const user = this.#user
    if (user === null) this.destroy()
    else if (this.#state === TUNNEL) user.onTunnelEnd()
    else if (this.#state === UNTIL_CLOSE) {
      this.#state = ENDED
      user.onBody(nothing, 0, 0, true)
    } else if (this.#state === ENDED) this.#reusable = false
    else this.#break('reset')
  }

  #onError(): void {
    if (this.#user === null) return
    if (this.#state === CONNECTING) this.#break('refused')
    else if (this.#state !== ENDED) this.#break('reset')
  }

  #onClose(): void {
    const user = this.#user
    this.#user = null
    const ended = this.#state === ENDED
    this.#retireState()
    if (user !== null && !ended) user.onBroken(this, 'reset')
  }

  /** Ends the connection because of what the peer did, and says so. */
  #break(why: Breakage): true {
    const user = this.#user
    this.#user = null
    this.#retireState()
    this.socket.destroy()
    user?.onBroken(this, why)
    return true
  }

  #retireState(): void {
    if (this.#state === CLOSED) return
    this.#state = CLOSED
    this.#partial = null
    this.pool.upstreams.deadlines.forget(this)
    this.pool.closed(this, this.#held)
  }
}

const nothing = Buffer.alloc(0)

function isWebsocketAnswer(head: ResponseMessage): boolean {
  const upgrade = head.lines('upgrade')
  return head.upgradeAsked && upgrade.length === 1 && upgrade[0]!.toLowerCase() === 'websocket'
}
