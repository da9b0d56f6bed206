// One client connection: reads requests off it, one after the other, and hands each to the handler. Bytes behind a request wait
// here until its answer is out. Never looks into an answer. Drawn in docs/engine.md.

import type { Socket } from 'node:net'
import type { Refusal } from '../exchange.ts'
import { LF } from './bytes.ts'
import { BROKEN, ChunkedDecoder, MORE } from './chunked.ts'
import type { ClientLink, ConnectionOwner } from './client-link.ts'
import { Timed } from './deadlines.ts'
import { edgeResponse } from './edge-response.ts'
import { Http1Exchange } from './http1-exchange.ts'
import { Outlet } from './outlet.ts'
import { dropHead, type HeadKeeper, type KeptHead, restHead, takeHead } from './kept-heads.ts'
import { areEmptyLines, beginsHead, parseRequest, passesLimit, refusalOf } from './request-head.ts'
import type { RequestMessage } from './request-head.ts'
import { listenTo, type SocketUser } from './socket-events.ts'
import { giveBack } from './spent-memory.ts'

/** How long a closed connection is still read, so that the client gets to see the last answer instead of a reset (RFC 9112 9.6). */
const LINGER_MS = 1000
/**
 * A client that ends its side after a complete request may still want the answer (RFC 9112 9.6), but nearly always it has left.
 * It is believed to be there as long as something can be written to it this often.
 */
const HALF_CLOSED_MS = 1000

export class ClientConnection<L> extends Timed implements ClientLink<L>, HeadKeeper, SocketUser {
  readonly listener: L
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localPort: number
  readonly encrypted: boolean
  memo: unknown = undefined
  head: KeptHead | null = null
  readonly outlet: Outlet
  readonly owner: ConnectionOwner<L>
  ended = false
  requestRead = true
  decoder: ChunkedDecoder | null = null
  #exchange: Http1Exchange<L> | null = null
  #requests = 0
  #pending: Buffer | null = null
  #bodyLeft = 0
  /** When the whole body has to be here; milliseconds of the deadlines' clock. */
  #bodyDue = 0
  #chunkedBody = false
  #drainLeft = 0
  /** Set by #readRequest: a whole head was there. */
  #served = false
  // Set by #measureBody: where the body's data stands.
  #spanStart = 0
  #spanEnd = 0
  #lingering = false
  #closed = false
  #reading = false
  #paused = false

  constructor(owner: ConnectionOwner<L>, socket: Socket, listener: L, localPort: number) {
    super()
    this.owner = owner
    this.outlet = new Outlet(socket)
    this.listener = listener
    this.localPort = localPort
    this.remoteAddress = socket.remoteAddress ?? ''
    this.remotePort = socket.remotePort ?? 0
    this.encrypted = 'encrypted' in socket
    listenTo(socket, this)
    owner.deadlines.set(this, owner.limits.headTimeoutMs)
  }

  get localAddress(): string {
    return this.socket.localAddress ?? ''
  }

  get socket(): Socket {
    return this.outlet.socket
  }

  get idle(): boolean {
    return this.#exchange === null && this.requestRead && this.#pending === null && !this.#lingering
  }

  get mayPersist(): boolean {
    return (
      (!this.ended || this.#pending !== null) &&
      !this.owner.draining &&
      this.#requests < this.owner.limits.requestsPerConnection
    )
  }

  get restIsShort(): boolean {
    return this.requestRead || (!this.#chunkedBody && this.#bodyLeft <= this.owner.limits.drainBytes)
  }

  destroy(): void {
    this.socket.destroy()
  }

  cutOff(reset: boolean): void {
    this.#lingering = true
    if (reset && !this.encrypted) this.socket.resetAndDestroy()
    else this.socket.destroy()
  }

  destroySoon(): void {
    this.#lingering = true
    this.socket.setTimeout(this.owner.limits.writeStallTimeoutMs)
    this.socket.destroySoon()
  }

  /** An idle connection is closed that way too. */
  close(): void {
    if (this.#lingering || this.#closed) return
    this.#lingering = true
    this.#pending = null
    this.#drainLeft = this.owner.limits.drainBytes
    this.socket.end()
    this.resumeReading()
    this.owner.deadlines.set(this, LINGER_MS)
  }

  pauseReading(): void {
    if (this.#paused) return
    this.#paused = true
    this.socket.pause()
    if (!this.requestRead) this.owner.deadlines.clear(this)
  }

  waitFor(afterMs: number): void {
    // While something waits to be written, the stall timer of the socket watches.
    const doubted = this.ended && !this.#exchange?.tunnel && this.outlet.empty
    this.owner.deadlines.set(this, doubted ? Math.min(afterMs, HALF_CLOSED_MS) : afterMs)
  }

  resumeReading(): void {
    if (!this.#paused) return
    this.#paused = false
    this.socket.resume()
    if (!this.requestRead && !this.#lingering) this.#awaitBody()
  }

  takePending(): Buffer | null {
    const pending = this.#pending
    this.#pending = null
    return pending
  }

  noteProgress(): void {
    if (!this.ended || this.#exchange === null) return
    const { tunnel, timeLeft } = this.#exchange
    this.waitFor(tunnel !== null ? this.owner.limits.idleTimeoutMs : timeLeft)
  }

  exchangeDone(persist: boolean): void {
    const exchange = this.#exchange!
    this.#exchange = null
    this.owner.activeRequests--
    const { keepsAlive } = exchange.request
    if (this.#closed) return dropHead(this)
    restHead(this)
    if (!persist || !this.mayPersist) this.#leave(!keepsAlive)
    else if (this.requestRead) this.#next()
    else {
      this.#drainLeft = this.owner.limits.drainBytes
      this.#awaitBody()
      this.resumeReading()
    }
  }

  /**
   * After the last answer. A client that said itself that this is its last request sends no other (RFC 9112 9.6), so closing at once
   * resets nothing; TLS wants a word of farewell.
   */
  #leave(clientToo: boolean): void {
    if (!clientToo || this.encrypted || !this.requestRead || this.#pending !== null) return this.close()
    this.#lingering = true
    this.outlet.closeSoon(this.owner.limits.writeStallTimeoutMs)
  }

  override onDeadline(): void {
    if (this.#lingering || this.ended) this.destroy()
    else if (this.#exchange !== null) {
      if (this.requestRead || this.#paused) this.#exchange.onDeadline()
      else this.#exchange.onBadBody('request-timeout')
    } else if (!this.requestRead) this.destroy()
    else if (this.#pending !== null) this.#refuse('request-timeout', this.#pending)
    else this.close()
  }

  onData(bytes: Buffer): void {
    if (this.#lingering) {
      this.#drainLeft -= bytes.length
      if (this.#drainLeft < 0) this.socket.pause()
      return
    }
    let rest: Buffer | null = bytes
    if (!this.requestRead) {
      rest = this.#feedBody(bytes)
      if (rest === null) return
    }
    if (this.#exchange !== null) this.#afterRequest(rest)
    else this.#readRequests(rest)
  }

  /** Bytes behind the request at hand: of the tunnel, or of the next request. */
  #afterRequest(bytes: Buffer): void {
    const tunnel = this.#exchange?.tunnel
    if (tunnel) {
      tunnel.onClientData(bytes)
      return
    }
    this.#pending = this.#pending === null ? bytes : Buffer.concat([this.#pending, bytes])
    // Pipelining is served in order; who sends more than a head's worth ahead has to wait for answers first.
    if (this.#pending.length > this.owner.limits.headBytes) this.pauseReading()
  }

  #next(): void {
    this.resumeReading()
    const pending = this.#pending
    if (pending === null) return this.owner.deadlines.set(this, this.owner.limits.idleTimeoutMs)
    // What the last exchange waited for is over.
    this.owner.deadlines.clear(this)
    if (this.#reading) return
    this.#pending = null
    this.#readRequests(pending)
  }

  /** Serves requests from these bytes until one is incomplete or has to wait for its answer. A loop: pipelines may be long. */
  #readRequests(bytes: Buffer): void {
    this.#reading = true
    let next: Buffer | null = bytes
    while (next !== null && !this.#closed && !this.#lingering) {
      let buffer: Buffer = next
      if (this.#pending !== null) {
        const worthATry = buffer.includes(LF) || passesLimit(this.#pending.length, buffer.length, this.owner.limits)
        buffer = Buffer.concat([this.#pending, buffer])
        this.#pending = buffer
        if (!worthATry) break
      }
      this.#readRequest(buffer)
      if (this.#exchange !== null || !this.requestRead) break
      // Answered at once, by the edge: what lies behind is the next request.
      next = this.#served ? this.#pending : null
      if (this.#served) this.#pending = null
    }
    this.#reading = false
  }

  #readRequest(buffer: Buffer): void {
    this.#served = false
    const head = takeHead(this)
    const length = parseRequest(head, buffer, this.owner.limits)
    if (length > 0) {
      this.#served = true
      this.#pending = null
      this.#begin(head, buffer, length)
      return
    }
    dropHead(this)
    if (length < 0) this.#refuse(refusalOf(length), buffer)
    else {
      const { deadlines, limits } = this.owner
      if (this.#requests > 0 && areEmptyLines(buffer)) {
        // Behind a request (RFC 9112 2.2) they begin no other: it is idle, for no longer than without them.
        this.#pending = null
        if (this.deadline === Infinity) deadlines.set(this, limits.idleTimeoutMs)
      } else {
        // The time for a head starts with its first byte; a byte now and then wins nothing.
        if (this.#pending === null) deadlines.set(this, limits.headTimeoutMs)
        this.#pending = buffer
      }
      if (this.ended) this.close()
    }
  }

  #begin(head: RequestMessage, buffer: Buffer, headEnd: number): void {
    if (head.scheme !== '' && (head.scheme === 'https') !== this.encrypted) {
      dropHead(this)
      this.#refuse('wrong-scheme', buffer)
      return
    }
    const { owner } = this
    if (this.ended) this.waitFor(Infinity)
    else owner.deadlines.clear(this)
    owner.activeRequests++
    this.#requests++
    const exchange = (this.#exchange = new Http1Exchange(this, head))
    this.#bodyLeft = head.contentLength
    this.#chunkedBody = head.chunked
    this.requestRead = !head.hasBody
    if (head.chunked) (this.decoder ??= new ChunkedDecoder()).reset()
    owner.handler.handle(exchange)
    if (this.requestRead) {
      if (headEnd < buffer.length) this.#pending = buffer.subarray(headEnd)
      exchange.start(buffer, headEnd, headEnd)
      if (headEnd === buffer.length) giveBack(buffer)
      return
    }
    this.#pending = null
    this.#bodyDue = owner.deadlines.now + owner.limits.requestTimeoutMs
    const stop = this.#measureBody(buffer, headEnd)
    if (stop === BROKEN) {
      exchange.onBadBody('bad-request')
      return
    }
    // It ended its side while an earlier answer was on the way: the rest of this body never comes.
    if (!this.requestRead && this.ended) return this.destroy()
    if (this.requestRead && stop < buffer.length) this.#pending = buffer.subarray(stop)
    exchange.start(buffer, this.#spanStart, this.#spanEnd)
    if (!this.requestRead && !this.#paused && this.#exchange === exchange) this.#awaitBody()
  }

  /** Finds the body's data in buffer[at..]. Returns where the body ends, MORE, or BROKEN. */
  #measureBody(buffer: Buffer, at: number): number {
    if (this.#chunkedBody) {
      const decoder = this.decoder!
      const stop = decoder.decode(buffer, at, buffer.length)
      this.#spanStart = decoder.dataStart
      this.#spanEnd = decoder.dataEnd
      if (stop >= 0) this.requestRead = true
      return stop
    }
    const to = Math.min(buffer.length, at + this.#bodyLeft)
    this.#spanStart = at
    this.#spanEnd = to
    this.#bodyLeft -= to - at
    if (this.#bodyLeft > 0) return MORE
    this.requestRead = true
    return to
  }

  /** More of the body has to come in time, and all of it in the time that there is for a request. */
  #awaitBody(): void {
    const { deadlines, limits } = this.owner
    deadlines.set(this, Math.min(limits.bodyIdleTimeoutMs, Math.max(0, this.#bodyDue - deadlines.now)))
  }

  /** Passes body bytes on; returns what lies behind the body, or null. */
  #feedBody(bytes: Buffer): Buffer | null {
    const stop = this.#measureBody(bytes, 0)
    const exchange = this.#exchange
    if (stop === BROKEN) {
      if (exchange === null) this.destroy()
      else exchange.onBadBody('bad-request')
      return null
    }
    if (this.requestRead) this.owner.deadlines.clear(this)
    else this.#awaitBody()
    // Taken first: the exchange may give the memory of bytes back that hold nothing behind the body.
    const rest = this.requestRead && stop < bytes.length ? bytes.subarray(stop) : null
    if (exchange !== null) exchange.onRequestBody(bytes, this.#spanStart, this.#spanEnd)
    else this.#drain(this.#spanEnd - this.#spanStart)
    return rest
  }

  /** The rest of a body whose answer is already out. */
  #drain(bytes: number): void {
    this.#drainLeft -= bytes
    if (this.#drainLeft < 0) this.close()
    else if (this.requestRead) this.#next()
  }

  /** `bytes`: what the request began with. */
  #refuse(refusal: Refusal, bytes: Buffer): void {
    const answer = this.owner.handler.refuse(this, refusal, false)
    this.#requests++
    this.socket.write(edgeResponse(answer, 'close', !beginsHead(bytes)), 'latin1')
    this.close()
  }

  onEnd(): void {
    this.ended = true
    const exchange = this.#exchange
    if (this.#lingering) return
    if (exchange !== null && exchange.tunnel !== null) exchange.tunnel.onClientEnd()
    else if (exchange !== null && this.requestRead) this.waitFor(exchange.timeLeft)
    // Cut off inside a message, or nothing left to say.
    else if (exchange !== null || !this.requestRead) this.destroy()
    else this.socket.end()
  }

  onTimeout(): void {
    this.destroy()
  }

  onClose(): void {
    this.#closed = true
    this.outlet.drop()
    this.owner.deadlines.forget(this)
    this.#pending = null
    if (this.#exchange === null) dropHead(this)
    else this.#exchange.onClientGone()
    this.owner.onClosed(this)
  }
}
