// One connection to an endpoint and the answer that is read on it. Hands heads and body spans to the request that holds it, and
// goes back to its pool only when both messages ended cleanly. Drawn in docs/engine.md.

import net from 'node:net'
import { LF } from './bytes.ts'
import { BROKEN, ChunkedDecoder, MORE } from './chunked.ts'
import { Timed } from './deadlines.ts'
import type { BodyFraming } from './outgoing-head.ts'
import { Outlet } from './outlet.ts'
import { ReadBuffer } from './read-buffer.ts'
import { ResponseMessage, parseResponse } from './response-head.ts'
import { requestText, ROOM, writeBodySpan, writeRequest } from './span.ts'
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
  onTurn(connection: UpstreamLink): void
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
  onBroken(connection: UpstreamLink, why: Breakage): void
}

/**
 * refused, connect-timeout: nothing was sent. exhausted: nor could we, for want of descriptors or ports of our own.
 * reset: it broke off. bad-response: what came is not strict HTTP/1.1.
 */
export type Breakage = 'refused' | 'connect-timeout' | 'exhausted' | 'reset' | 'bad-response'

/** What a request needs of a connection to an endpoint, plain or over TLS (https-upstream.ts). */
export interface UpstreamLink {
  readonly pool: EndpointPool
  /** For tunnels, and for the timer of stalled writes. */
  readonly socket: net.Socket
  /** It has answered a request before: the peer may have closed it without our knowing yet. */
  readonly used: boolean
  /** No byte of an answer to the request at hand has come. */
  readonly silent: boolean
  readonly connecting: boolean
  /** Gives the connection to a request, which may send at once unless it is still connecting. */
  assign(user: UpstreamUser): void
  /**
   * Sends the head and what has come of the body; `body` is null when there is none. `soon`: this is all of it, and may wait for the end
   * of the event loop's turn.
   */
  sendRequest(head: string, body: Buffer | null, chunked: boolean, ended: boolean, soon: boolean): void
  /** More of the body. False when there is no room for now: onUpstreamDrain is called when there is. */
  sendBody(buffer: Buffer, from: number, to: number, chunked: boolean, ended: boolean): boolean
  /** Reads on after a callback of the user returned false. */
  resume(): void
  /** The answer has been read and passed on. Back to the pool if both messages ended cleanly, else closed. */
  release(): void
  /** Closes it and tells nobody. */
  destroy(): void
  /** The same, once everything that was written has gone out. */
  destroySoon(): void
}

const ourFault = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL'])

/** Connect errors that say nothing about the endpoint. */
export function isOurFault(code: string | undefined): boolean {
  return code !== undefined && ourFault.has(code)
}

/** An idle connection that last read a large body holds a large buffer; it is not kept long without work. */
const LARGE_IDLE_MS = 1000

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

export class UpstreamConnection extends Timed implements UpstreamLink {
  readonly pool: EndpointPool
  readonly socket: net.Socket
  used = false
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
  readonly #buffer = new ReadBuffer()
  readonly #outlet: Outlet

  constructor(pool: EndpointPool) {
    super()
    this.pool = pool
    const { address, port, rules } = pool.endpoint
    const keepaliveMs = rules?.spec.keepaliveMs
    this.socket = net.connect({
      host: address,
      port,
      noDelay: true,
      allowHalfOpen: true,
      ...(keepaliveMs !== undefined && { keepAlive: true, keepAliveInitialDelay: keepaliveMs }),
      onread: { buffer: () => this.#buffer.next(this.#paused), callback: (bytes) => this.#onRead(bytes) },
    })
    this.#outlet = new Outlet(this.socket)
    this.socket.on('connect', () => this.#onConnect())
    this.socket.on('end', () => this.#onEnd())
    this.socket.on('error', (error: NodeJS.ErrnoException) => this.#onError(error.code))
    this.socket.on('timeout', () => this.#break('reset'))
    this.socket.on('close', () => this.#onClose())
    this.socket.on('drain', () => this.#user?.onUpstreamDrain())
    pool.upstreams.deadlines.set(this, pool.connectTimeoutMs)
  }

  get connecting(): boolean {
    return this.#state === CONNECTING
  }

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

  sendRequest(head: string, body: Buffer | null, chunked: boolean, ended: boolean, soon: boolean): void {
    const text = soon ? requestText(head, body, chunked) : undefined
    if (text === undefined) writeRequest(this.socket, head, body, chunked, ended)
    else this.#outlet.writeSoon(text)
  }

  sendBody(buffer: Buffer, from: number, to: number, chunked: boolean, ended: boolean): boolean {
    return writeBodySpan(this.socket, buffer, from, to, chunked, ended)
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#buffer.settle()
    this.socket.resume()
  }

  release(): void {
    const { pool, socket } = this
    const clean = this.#state === ENDED && this.#reusable && this.#user !== null && this.#user.requestSent
    this.#user = null
    if (!clean || pool.retired || socket.destroyed || socket.writableLength > 0) {
      this.destroy()
      return
    }
    this.used = true
    this.#state = IDLE
    this.#held = false
    this.#buffer.noteEnd()
    const { deadlines } = pool.upstreams
    const idleMs = pool.idleTimeoutMs
    deadlines.set(this, this.#buffer.isLarge ? Math.min(idleMs, LARGE_IDLE_MS) : idleMs)
    this.resume()
    pool.release(this)
  }

  destroy(): void {
    this.#user = null
    this.#retireState()
    this.socket.destroy()
  }

  destroySoon(): void {
    this.#user = null
    this.#retireState()
    this.socket.setTimeout(this.pool.upstreams.limits.writeStallTimeoutMs)
    this.socket.destroySoon()
  }

  override onDeadline(): void {
    if (this.#state === CONNECTING) this.#break('connect-timeout')
    else if (this.#state === IDLE) this.destroy()
  }

  #onConnect(): void {
    if (this.#state !== CONNECTING) return
    this.pool.upstreams.deadlines.clear(this)
    this.#state = HEAD
    this.pool.connected()
    this.#user?.onConnected()
  }

  #onRead(bytes: number): boolean {
    this.silent = false
    this.#buffer.noteRead(bytes)
    const go = this.#take(this.#buffer.slab, ROOM, ROOM + bytes)
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
        return this.#takeHead(user, buffer, at, end)
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

  #takeHead(user: UpstreamUser, read: Buffer, readAt: number, readEnd: number): boolean {
    const { limits } = this.pool.upstreams
    let buffer = read
    let at = readAt
    let end = readEnd
    if (this.#partial !== null) {
      const fresh = read.subarray(at, end)
      const worthATry = fresh.includes(LF) || this.#partial.length > limits.headBytes
      this.#partial = buffer = Buffer.concat([this.#partial, fresh])
      if (!worthATry) return true
      at = 0
      end = buffer.length
    }
    while (at < end) {
      const length = parseResponse(responseHead, buffer, at, end, limits)
      if (length < 0) return this.#break('bad-response')
      if (length === 0) {
        this.#partial = Buffer.from(buffer.subarray(at, end))
        return true
      }
      at += length
      this.#partial = null
      if (responseHead.status >= 200 || responseHead.status === 101) return this.#takeFinalHead(user, buffer, at, end)
      if (!user.onInterim(responseHead)) return this.#break('bad-response')
    }
    return true
  }

  #takeFinalHead(user: UpstreamUser, buffer: Buffer, at: number, end: number): boolean {
    const head = responseHead
    const { status } = head
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
    if (head.chunked) return this.#takeChunkedHead(user, buffer, at, end)
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

  #takeChunkedHead(user: UpstreamUser, buffer: Buffer, at: number, end: number): boolean {
    const decoder = (this.#decoder ??= new ChunkedDecoder())
    decoder.reset()
    const stop = decoder.decode(buffer, at, end)
    if (stop === BROKEN) return this.#break('bad-response')
    const ended = stop !== MORE
    if (ended && stop < end) this.#reusable = false
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

  #onError(code: string | undefined): void {
    if (this.#user === null) return
    if (this.#state === CONNECTING) this.#break(isOurFault(code) ? 'exhausted' : 'refused')
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
    if (this.#state === CLOSED) {
      this.socket.destroy()
      return true
    }
    const user = this.#user
    this.#user = null
    this.#retireState()
    this.socket.destroy()
    user?.onBroken(this, why)
    return true
  }

  #retireState(): void {
    if (this.#state === CLOSED) return
    const wasConnecting = this.connecting
    this.#state = CLOSED
    this.#partial = null
    this.#outlet.drop()
    this.pool.upstreams.deadlines.forget(this)
    this.pool.closed(this, this.#held, wasConnecting)
  }
}

const nothing = Buffer.alloc(0)

/** Websocket alone, as it was asked for. */
export function isWebsocketAnswer(head: ResponseMessage): boolean {
  const upgrade = head.lines('upgrade')
  return head.upgradeAsked && upgrade.length === 1 && upgrade[0]!.toLowerCase() === 'websocket'
}
