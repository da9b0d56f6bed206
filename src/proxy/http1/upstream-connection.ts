// One connection to an endpoint and the answer that is read on it. Hands heads and body spans to the request that holds it, and
// goes back to its pool only when both messages ended cleanly. Drawn in docs/engine.md.

import net from 'node:net'
import { LF } from './bytes.ts'
import { BROKEN, ChunkedDecoder, MORE } from './chunked.ts'
import { Outlet } from './outlet.ts'
import { BODY, CONNECTING, ENDED, HEAD, PooledConnection, TUNNEL } from './pooled-connection.ts'
import { ReadBuffer } from './read-buffer.ts'
import { ResponseMessage, parseResponse } from './response-head.ts'
import { requestText, writeBodySpan, writeRequest } from './span.ts'
import { giveBack } from './spent-memory.ts'
import { isOurFault, isWebsocketAnswer, type LinkPool, type UpstreamUser } from './upstream-link.ts'

/** A connection may come to rest with a large buffer, when nothing came behind what filled its own; it is not kept long without work. */
const LARGE_IDLE_MS = 1000

const LENGTH = BODY
const CHUNKED = BODY + 1
const UNTIL_CLOSE = BODY + 2

const responseHead = new ResponseMessage()

/**
 * Connections whose first read of an answer filled all memory that they had. Mostly the rest is there already and is read at once, and one
 * piece is cheaper than two. What does not come is not waited for beyond this turn of the event loop.
 */
let filled: UpstreamConnection[] = []

function takeSoon(connection: UpstreamConnection): void {
  if (filled.push(connection) === 1) setImmediate(takeAll)
}

function takeAll(): void {
  const all = filled
  filled = []
  for (const connection of all) connection.takeWhatCame()
}

export class UpstreamConnection extends PooledConnection {
  readonly socket: net.Socket
  #left = 0
  #decoder: ChunkedDecoder | null = null
  /** The start of a head that came in pieces. */
  #partial: Buffer | null = null
  readonly #buffer = new ReadBuffer()
  readonly #outlet: Outlet
  /** Its memory goes back when the socket has drained. */
  #spent: Buffer | null = null

  constructor(pool: LinkPool) {
    super(pool)
    const { address, port, rules } = pool.endpoint
    const keepaliveMs = rules?.spec.keepaliveMs
    this.socket = net.connect({
      host: address,
      port,
      noDelay: true,
      allowHalfOpen: true,
      ...(keepaliveMs !== undefined && { keepAlive: true, keepAliveInitialDelay: keepaliveMs }),
      onread: { buffer: () => this.#buffer.next(this.paused), callback: (bytes) => this.#onRead(bytes) },
    })
    this.#outlet = new Outlet(this.socket)
    this.socket.on('connect', () => this.#onConnect())
    this.socket.on('end', () => this.#onEnd())
    this.socket.on('error', (error: NodeJS.ErrnoException) => this.#onError(error.code))
    this.socket.on('timeout', () => this.breakOff('reset'))
    this.socket.on('close', () => this.#onClose())
    this.socket.on('drain', () => this.#onDrain())
    pool.upstreams.deadlines.set(this, pool.connectTimeoutMs)
  }

  sendRequest(head: string, body: Buffer | null, chunked: boolean, ended: boolean, soon: boolean): void {
    const text = soon ? requestText(head, body, chunked) : undefined
    if (text === undefined) writeRequest(this.socket, head, body, chunked, ended)
    else this.#outlet.writeSoon(text)
  }

  sendBody(buffer: Buffer, from: number, to: number, chunked: boolean, ended: boolean): boolean {
    return writeBodySpan(this.socket, buffer, from, to, chunked, ended)
  }

  spend(buffer: Buffer): void {
    // While it waits to be written the client is not read, so there is no other; should there be one, the older is left to be collected.
    if (this.socket.writableLength > 0) this.#spent = buffer
    else giveBack(buffer)
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    this.#buffer.settle()
    this.socket.resume()
  }

  protected override rest(): number {
    this.#buffer.noteEnd()
    this.#spent = null
    this.resume()
    const { idleTimeoutMs } = this.pool
    return this.#buffer.isLarge ? Math.min(idleTimeoutMs, LARGE_IDLE_MS) : idleTimeoutMs
  }

  protected override letGo(): void {
    this.#buffer.drop(this.paused)
    this.#partial = null
    this.#spent = null
    this.#outlet.drop()
  }

  #onConnect(): void {
    if (!this.becomeConnected()) return
    this.pool.connected()
    this.user?.onConnected()
  }

  #onDrain(): void {
    const spent = this.#spent
    this.#spent = null
    if (spent !== null && this.socket.writableLength === 0) giveBack(spent)
    this.user?.onUpstreamDrain()
  }

  #onRead(bytes: number): boolean {
    // The request is not on its way yet: this is no answer to it, whatever it is.
    if (this.#outlet.waits) return this.breakOff('reset')
    this.silent = false
    this.#buffer.noteRead(bytes)
    if (this.state === HEAD && this.#buffer.moveToLarge()) {
      takeSoon(this)
      return true
    }
    return this.#takeRead()
  }

  #takeRead(): boolean {
    const { memory, start, end } = this.#buffer
    this.#buffer.noteTaken()
    const go = this.#take(memory, start, end)
    if (!go) this.paused = true
    return go
  }

  /** The rest of what was read has not come. */
  takeWhatCame(): void {
    if (!this.#buffer.isEmpty && !this.#takeRead()) this.socket.pause()
  }

  #take(buffer: Buffer, at: number, end: number): boolean {
    const user = this.user
    if (user === null) {
      // Bytes that nobody asked for: whatever they are, the next request must not take them for its answer.
      this.destroy()
      return true
    }
    switch (this.state) {
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
        this.reusable = false
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
      this.#partial = buffer = Buffer.concat([this.#partial, fresh])
      if (!fresh.includes(LF) && buffer.length < limits.headBytes) return true
      at = 0
      end = buffer.length
    }
    while (at < end) {
      const length = parseResponse(responseHead, buffer, at, end, limits)
      if (length < 0) return this.breakOff('bad-response')
      if (length === 0) {
        this.#partial = Buffer.from(buffer.subarray(at, end))
        return true
      }
      at += length
      this.#partial = null
      if (responseHead.status >= 200 || responseHead.status === 101) return this.#takeFinalHead(user, buffer, at, end)
      if (!user.onInterim(responseHead)) return this.breakOff('bad-response')
    }
    return true
  }

  #takeFinalHead(user: UpstreamUser, buffer: Buffer, at: number, end: number): boolean {
    const head = responseHead
    const { status } = head
    this.reusable = head.keepsAlive
    if (status === 101) {
      if (!user.asksWebsocket || !isWebsocketAnswer(head)) return this.breakOff('bad-response')
      this.state = TUNNEL
      return user.onHead(head, 'tunnel', buffer, at, end, false)
    }
    if (user.asksHead || status === 204 || status === 304) {
      // A body where there must be none would be the next request's answer.
      if (end > at || announcesBody(head)) this.reusable = false
      this.state = ENDED
      return user.onHead(head, 'none', buffer, at, at, true)
    }
    if (head.chunked) return this.#takeChunkedHead(user, buffer, at, end)
    if (head.contentLength === -1) {
      this.reusable = false
      this.state = UNTIL_CLOSE
      return user.onHead(head, 'until-close', buffer, at, end, false)
    }
    const to = Math.min(end, at + head.contentLength)
    if (to < end) this.reusable = false
    this.#left = head.contentLength - (to - at)
    this.state = this.#left === 0 ? ENDED : LENGTH
    return user.onHead(head, 'length', buffer, at, to, this.#left === 0)
  }

  #takeChunkedHead(user: UpstreamUser, buffer: Buffer, at: number, end: number): boolean {
    const decoder = (this.#decoder ??= new ChunkedDecoder())
    decoder.reset()
    const stop = decoder.decode(buffer, at, end)
    if (stop === BROKEN) return this.breakOff('bad-response')
    const ended = stop !== MORE
    if (ended && stop < end) this.reusable = false
    this.state = ended ? ENDED : CHUNKED
    return user.onHead(responseHead, 'chunked', buffer, decoder.dataStart, decoder.dataEnd, ended)
  }

  #takeLength(user: UpstreamUser, buffer: Buffer, at: number, end: number): boolean {
    const to = Math.min(end, at + this.#left)
    if (to < end) this.reusable = false
    this.#left -= to - at
    const ended = this.#left === 0
    if (ended) this.state = ENDED
    return user.onBody(buffer, at, to, ended)
  }

  #takeChunked(user: UpstreamUser, buffer: Buffer, at: number, end: number): boolean {
    const decoder = this.#decoder!
    const stop = decoder.decode(buffer, at, end)
    if (stop === BROKEN) return this.breakOff('bad-response')
    const ended = stop !== MORE
    if (ended && stop < end) this.reusable = false
    if (ended) this.state = ENDED
    else if (decoder.dataEnd === decoder.dataStart) return true
    return user.onBody(buffer, decoder.dataStart, decoder.dataEnd, ended)
  }

  #onEnd(): void {
    this.takeWhatCame()
    const user = this.user
    if (user === null) this.destroy()
    else if (this.state === TUNNEL) user.onTunnelEnd()
    else if (this.state === UNTIL_CLOSE) {
      this.state = ENDED
      user.onBody(nothing, 0, 0, true)
    } else if (this.state === ENDED) this.reusable = false
    else this.breakOff('reset')
  }

  #onError(code: string | undefined): void {
    this.takeWhatCame()
    if (this.user === null) return
    if (this.state === CONNECTING) this.breakOff(isOurFault(code) ? 'exhausted' : 'refused')
    else if (this.state !== ENDED) this.breakOff('reset')
  }

  #onClose(): void {
    this.takeWhatCame()
    const user = this.user
    this.user = null
    const ended = this.state === ENDED
    this.retire()
    if (user !== null && !ended) user.onBroken(this, 'reset')
  }
}

const nothing = Buffer.alloc(0)

/** Of an answer that may have no body. With 304 a length is customary, and 204 needs none; to HEAD only a length of 0 says so. */
function announcesBody({ status, chunked, contentLength }: ResponseMessage): boolean {
  if (chunked || status === 304) return chunked
  return status === 204 ? contentLength > 0 : contentLength !== 0
}
