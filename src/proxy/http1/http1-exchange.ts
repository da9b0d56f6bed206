// One request and its answer on HTTP/1.1: sends it to an endpoint, tries again where that cannot hurt, relays the answer with
// back-pressure, and reports the end exactly once. Reads no bytes itself.

import type { EdgeAnswer, Endpoint, Exchange, Forwarding, Outcome, Refusal, UpstreamFailure } from '../exchange.ts'
import type { ClientConnection } from './client-connection.ts'
import { edgeResponse } from './edge-response.ts'
import { CONTENT_LENGTH, SET_COOKIE } from './field-names.ts'
import { requestHeadText, responseHeadText } from './outgoing-head.ts'
import type { BodyFraming } from './outgoing-head.ts'
import type { RequestMessage } from './request-head.ts'
import type { ResponseMessage } from './response-head.ts'
import { JOIN_BYTES, chunkInPlace, spanText, writeSpan } from './span.ts'
import type { Breakage, UpstreamConnection, UpstreamUser } from './upstream-connection.ts'
import type { EndpointPool } from './upstreams.ts'

const EMPTY = Buffer.alloc(0)
/** A peer that vanished without a word is noticed by TCP, for tunnels have no other limit. */
const KEEPALIVE_MS = 30_000

export class Http1Exchange<L> implements Exchange<L>, UpstreamUser {
  readonly connection: ClientConnection<L>
  readonly request: RequestMessage
  tunnelling = false
  requestSent = false
  #forwarding: Forwarding | null = null
  #answer: EdgeAnswer | null = null
  #onFinish: ((outcome: Outcome) => void) | null = null
  #endpoint: Endpoint | null = null
  #waitingIn: EndpointPool | null = null
  #upstream: UpstreamConnection | null = null
  #requestText = ''
  /** Body bytes that came with the head: sent with it, and kept as long as the request might have to be sent again. */
  #held: Buffer | null = null
  #headSent = false
  #replayed = false
  /** A final head went to the client. */
  #answered = false
  #persist = true
  #chunkedAnswer = false
  /** The end of the answer is the end of the connection. */
  #closeFramed = false
  #status = 0
  #failure: UpstreamFailure | undefined = undefined
  #bytesReceived = 0
  #bytesSent = 0
  #attempts = 0
  #interim = 0
  readonly #startedAt = performance.now()
  #timeoutAt = 0
  #sentAt = 0
  #upstreamMs = -1

  constructor(connection: ClientConnection<L>, request: RequestMessage) {
    this.connection = connection
    this.request = request
  }

  // ------------------------------------------------------------------------------------------ for the handler

  answer(answer: EdgeAnswer, onFinish: (outcome: Outcome) => void): void {
    this.#answer = answer
    this.#onFinish = onFinish
  }

  forward(forwarding: Forwarding): void {
    this.#forwarding = forwarding
  }

  // ------------------------------------------------------------------------------------------ for the client connection

  /** The handler has spoken; buffer[from..to) is what has come of the body. */
  start(buffer: Buffer, from: number, to: number): void {
    this.#bytesReceived += to - from
    if (this.#forwarding === null) {
      this.#sendAnswer(this.#answer!)
      return
    }
    if (to > from) this.#held = buffer.subarray(from, to)
    if (this.connection.requestRead) this.#startTimeout()
    this.#tryNext()
    // The body waits in the client's socket until there is somebody to send it to.
    if (!this.#headSent && !this.#answered && !this.connection.requestRead) this.connection.pauseReading()
  }

  /** More of the body; connection.requestRead tells whether this was the last of it. */
  onRequestBody(buffer: Buffer, from: number, to: number): void {
    this.#bytesReceived += to - from
    const ended = this.connection.requestRead
    if (ended) this.#startTimeout()
    const upstream = this.#upstream
    if (upstream === null || !this.#headSent) {
      const span = buffer.subarray(from, to)
      if (to > from) this.#held = this.#held === null ? span : Buffer.concat([this.#held, span])
      return
    }
    const room = this.#sendBody(upstream, buffer, from, to, ended)
    if (!room && !ended) {
      this.connection.pauseReading()
      upstream.socket.setTimeout(this.connection.owner.limits.writeStallTimeoutMs)
    }
  }

  /** The body is no body, or did not come in time. */
  onBadBody(refusal: Refusal): void {
    this.#dropUpstream()
    if (this.#answered) {
      this.connection.destroy()
      return
    }
    this.#persist = false
    this.#sendAnswer(this.connection.owner.handler.refuse(this.connection, refusal))
  }

  /** The time for the whole answer, or for a free connection, is over. */
  onDeadline(): void {
    const overdue = this.#timeoutAt !== 0 && this.#timeLeft() === 0
    if (this.#waitingIn !== null && !overdue) this.#fail('overflow')
    else if (this.#answered) this.#truncate()
    else this.#fail('timeout')
  }

  onClientGone(): void {
    if (this.tunnelling) this.#endTunnel()
    else this.#dropUpstream()
    this.#finish(this.tunnelling ? 'tunnel-closed' : 'client-gone')
  }

  onClientTunnelData(bytes: Buffer): void {
    const upstream = this.#upstream
    if (upstream === null) return
    this.#bytesReceived += bytes.length
    if (upstream.socket.write(bytes)) return
    this.connection.pauseReading()
    upstream.socket.setTimeout(this.connection.owner.limits.writeStallTimeoutMs)
  }

  onClientTunnelEnd(): void {
    this.#upstream?.socket.end()
  }

  // ------------------------------------------------------------------------------------------ for the upstream connection

  get asksHead(): boolean {
    return this.request.method === 'HEAD'
  }

  get asksWebsocket(): boolean {
    return this.request.websocket
  }

  onTurn(upstream: UpstreamConnection): void {
    if (this.#waitingIn !== null) {
      this.#waitingIn = null
      this.connection.waitFor(this.#timeLeft())
    }
    this.#upstream = upstream
    upstream.assign(this)
    if (!upstream.connecting) this.#send(upstream)
  }

  onConnected(): void {
    this.#send(this.#upstream!)
  }

  onUpstreamDrain(): void {
    this.#upstream?.socket.setTimeout(0)
    this.connection.resumeReading()
  }

  onInterim(head: ResponseMessage): boolean {
    if (++this.#interim > this.connection.owner.limits.interimResponses) return false
    // RFC 9110 15.2: an HTTP/1.0 client does not know them.
    if (this.request.minorVersion === 0) return true
    head.dropId(CONTENT_LENGTH)
    // Cookies are looked at in final answers only, so none may come this way.
    head.dropId(SET_COOKIE)
    this.connection.socket.write(`${head.statusLine()}${head.keptFields()}\r\n`, 'latin1')
    return true
  }

  onHead(
    head: ResponseMessage,
    framing: BodyFraming,
    buffer: Buffer,
    from: number,
    to: number,
    ended: boolean,
  ): boolean {
    const forwarding = this.#forwarding!
    this.#upstreamMs = performance.now() - this.#sentAt
    this.#held = null
    this.#answered = true
    this.#status = head.status
    forwarding.onEndpointUp(this.#endpoint!)
    forwarding.onAnswer(head)
    const text = this.#frameAnswer(head, framing)
    if (framing === 'tunnel') return this.#openTunnel(text, buffer, from, to)
    return this.#relay(text, buffer, from, to, ended)
  }

  onBody(buffer: Buffer, from: number, to: number, ended: boolean): boolean {
    return this.#relay('', buffer, from, to, ended)
  }

  onTunnelData(buffer: Buffer, from: number, to: number): boolean {
    return this.#relay('', buffer, from, to, false)
  }

  onTunnelEnd(): void {
    this.connection.socket.end()
    this.connection.waitFor(this.connection.owner.limits.idleTimeoutMs)
  }

  onBroken(upstream: UpstreamConnection, why: Breakage): void {
    this.#upstream = null
    if (this.tunnelling) this.connection.destroySoon()
    else if (this.#answered) this.#truncate()
    else if (why === 'refused' || why === 'connect-timeout') {
      this.#failure = why === 'refused' ? 'connect-refused' : 'connect-timeout'
      this.#forwarding!.onEndpointDown(this.#endpoint!)
      this.#tryNext()
    } else if (why === 'reset' && upstream.used && upstream.silent && this.#mayReplay()) {
      this.#replayed = true
      this.#headSent = false
      this.onTurn(upstream.pool.connect())
    } else if (why === 'exhausted') this.#fail('overflow')
    else this.#fail(why === 'reset' ? 'reset-before-head' : 'bad-response')
  }

  // ------------------------------------------------------------------------------------------ sending the request

  #tryNext(): void {
    const endpoint = this.#forwarding!.endpoint(this.#attempts + 1)
    if (endpoint === undefined) {
      this.#fail(this.#failure ?? 'no-endpoint')
      return
    }
    this.#attempts++
    this.#endpoint = endpoint
    const { owner } = this.connection
    const pool = owner.upstreams.pool(endpoint)
    const found = pool.acquire(this)
    if (found === 'overflow') this.#fail('overflow')
    else if (found === 'waiting') {
      this.#waitingIn = pool
      const left = this.#timeLeft()
      const longest = owner.limits.connectTimeoutMs
      this.connection.waitFor(left > 0 ? Math.min(left, longest) : longest)
    } else this.onTurn(found)
  }

  /**
   * A pooled connection broke before any byte of an answer: most likely the endpoint had closed it already. Sent once more, on a fresh
   * connection, if being processed twice would do no harm (RFC 9110 9.2.2) and all of it is still here.
   */
  #mayReplay(): boolean {
    if (this.#replayed || !this.requestSent || !this.request.idempotent) return false
    return !this.request.hasBody || this.#held !== null
  }

  #send(upstream: UpstreamConnection): void {
    const { connection, request } = this
    const { socket } = upstream
    if (this.#requestText === '') this.#requestText = requestHeadText(request, this.#forwarding!, this.#endpoint!)
    const held = this.#held ?? EMPTY
    const ended = connection.requestRead
    const { chunked } = request
    this.#sentAt = performance.now()
    this.#headSent = true
    this.requestSent = ended
    if (!request.hasBody) socket.write(this.#requestText, 'latin1')
    else if (held.length <= JOIN_BYTES) {
      socket.write(this.#requestText + spanText(held, 0, held.length, chunked, ended), 'latin1')
    } else writeSpan(socket, this.#requestText, held, 0, held.length, chunked, ended)
    if (!ended || !upstream.used) this.#held = null
    if (!ended) connection.resumeReading()
  }

  #sendBody(upstream: UpstreamConnection, buffer: Buffer, from: number, to: number, ended: boolean): boolean {
    const { chunked } = this.request
    if (ended) this.requestSent = true
    if (to - from > JOIN_BYTES || (!chunked && to > from))
      return writeSpan(upstream.socket, '', buffer, from, to, chunked, ended)
    const text = spanText(buffer, from, to, chunked, ended)
    return text === '' || upstream.socket.write(text, 'latin1')
  }

  #startTimeout(): void {
    const timeoutMs = this.#forwarding?.timeoutMs ?? 0
    if (timeoutMs <= 0) return
    const { connection } = this
    this.#timeoutAt = connection.owner.deadlines.now + timeoutMs
    connection.waitFor(timeoutMs)
  }

  /** Milliseconds until the whole answer is overdue; 0 when there is no such limit or it has passed. */
  #timeLeft(): number {
    return this.#timeoutAt === 0 ? 0 : Math.max(0, this.#timeoutAt - this.connection.owner.deadlines.now)
  }

  // ------------------------------------------------------------------------------------------ answering

  #frameAnswer(head: ResponseMessage, framing: BodyFraming): string {
    const { request, connection } = this
    const unsized = framing === 'chunked' || framing === 'until-close'
    this.#chunkedAnswer = unsized && request.minorVersion === 1
    this.#closeFramed = unsized && request.minorVersion === 0
    if (!request.keepsAlive || !connection.mayPersist || this.#closeFramed) this.#persist = false
    // An error before the whole request was read refuses the rest; and who waits for 100 gets no other sign (RFC 9110 10.1.1).
    if (!connection.requestRead && (head.status >= 400 || request.continueAsked)) this.#persist = false
    const announced = this.#chunkedAnswer || (this.asksHead && head.chunked && request.minorVersion === 1)
    return responseHeadText(head, framing, announced, this.#connectionOption())
  }

  #connectionOption(): '' | 'close' | 'keep-alive' {
    if (!this.#persist) return 'close'
    return this.request.minorVersion === 0 ? 'keep-alive' : ''
  }

  /** Writes a span of the answer. False when the buffer has to stay as it is until the client has taken it. */
  #relay(before: string, buffer: Buffer, from: number, to: number, ended: boolean): boolean {
    const { socket } = this.connection
    const chunked = this.#chunkedAnswer
    this.#bytesSent += to - from
    const lent = to - from > JOIN_BYTES
    if (!lent) {
      const text = before + spanText(buffer, from, to, chunked, ended)
      if (text !== '') socket.write(text, 'latin1')
    } else {
      const framed = chunked && before === '' ? chunkInPlace(buffer, from, to, ended) : undefined
      if (framed !== undefined) socket.write(framed)
      else writeSpan(socket, before, buffer, from, to, chunked, ended)
    }
    this.connection.noteProgress()
    if (socket.writableLength > 0) return this.#waitForClient(ended, lent)
    if (ended) this.#answerDone()
    return true
  }

  /** The kernel did not take it all: nothing more is read from the upstream until it has. */
  #waitForClient(ended: boolean, lent: boolean): boolean {
    const { connection } = this
    const { socket } = connection
    if (ended && !lent) this.#releaseUpstream()
    // The stall timer of the socket sees bytes trickle away; our deadlines do not.
    socket.setTimeout(connection.owner.limits.writeStallTimeoutMs)
    if (connection.ended) connection.waitFor(0)
    socket.write(EMPTY, (error) => {
      if (error) return
      socket.setTimeout(0)
      connection.noteProgress()
      if (ended) this.#answerDone()
      else this.#upstream?.resume()
    })
    return ended && !lent
  }

  #answerDone(): void {
    this.#releaseUpstream()
    this.#finish('done')
  }

  #sendAnswer(answer: EdgeAnswer): void {
    const { connection, request } = this
    this.#answered = true
    this.#status = answer.status
    // After 400 the rest of what this client sends is not trusted. A body that nobody wants is read to its end only when that is near.
    if (!request.keepsAlive || !connection.mayPersist || answer.status === 400) this.#persist = false
    if (!connection.requestRead && (request.continueAsked || !connection.restIsShort)) this.#persist = false
    const text = edgeResponse(answer, this.#connectionOption(), !this.asksHead)
    if (!this.asksHead) this.#bytesSent += Buffer.byteLength(answer.body)
    connection.socket.write(text, 'latin1')
    connection.waitFor(0)
    if (connection.socket.writableLength > 0) this.#waitForClient(true, false)
    else this.#finish('done')
  }

  #fail(failure: UpstreamFailure): void {
    this.#failure = failure
    this.#dropUpstream()
    this.#sendAnswer(this.#forwarding!.onFailure(failure))
  }

  /** The client has part of an answer that will never be whole, and must be able to tell. */
  #truncate(): void {
    this.#dropUpstream()
    this.connection.cutOff(this.#closeFramed)
    this.#finish('truncated')
  }

  // ------------------------------------------------------------------------------------------ tunnel

  /** RFC 6455: from the 101 on both sides are bytes. The upstream connection never goes back to its pool. */
  #openTunnel(text: string, buffer: Buffer, from: number, to: number): boolean {
    const { connection } = this
    this.tunnelling = true
    connection.waitFor(0)
    connection.resumeReading()
    connection.socket.setKeepAlive(true, KEEPALIVE_MS)
    this.#upstream!.socket.setKeepAlive(true, KEEPALIVE_MS)
    const go = this.#relay(text, buffer, from, to, false)
    const early = connection.takePending()
    if (early !== null) this.onClientTunnelData(early)
    if (connection.ended) this.onClientTunnelEnd()
    return go
  }

  #endTunnel(): void {
    const upstream = this.#upstream
    this.#upstream = null
    upstream?.destroySoon()
  }

  // ------------------------------------------------------------------------------------------ the end

  #releaseUpstream(): void {
    const upstream = this.#upstream
    this.#upstream = null
    upstream?.release()
  }

  #dropUpstream(): void {
    const upstream = this.#upstream
    this.#upstream = null
    upstream?.destroy()
    this.#waitingIn?.stopWaiting(this)
    this.#waitingIn = null
  }

  #finish(end: Outcome['end']): void {
    const forwarding = this.#forwarding
    const onFinish = this.#onFinish
    if (forwarding === null && onFinish === null) return
    this.#forwarding = null
    this.#onFinish = null
    const outcome: Outcome = {
      status: this.#status,
      end,
      failure: this.#failure,
      bytesReceived: this.#bytesReceived,
      bytesSent: this.#bytesSent,
      durationMs: performance.now() - this.#startedAt,
      upstreamMs: this.#upstreamMs,
      attempts: this.#attempts,
    }
    if (forwarding !== null) forwarding.onFinish(outcome)
    else onFinish!(outcome)
    this.connection.exchangeDone(this.#persist && end === 'done')
  }
}
