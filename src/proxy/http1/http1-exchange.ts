// One request and its answer on HTTP/1.1: sends it to an endpoint, tries again where that cannot hurt, relays the answer with
// back-pressure, and reports the end exactly once.

import type { EdgeAnswer, Endpoint, Exchange, Forwarding, Outcome, Refusal, UpstreamFailure } from '../exchange.ts'
import type { ClientConnection } from './client-connection.ts'
import { edgeResponse, httpDate } from './edge-response.ts'
import { CONTENT_LENGTH, DATE, HOST, SET_COOKIE } from './field-names.ts'
import type { RequestMessage } from './request-head.ts'
import type { ResponseMessage } from './response-head.ts'
import type { BodyFraming, Breakage, UpstreamConnection, UpstreamUser } from './upstream-connection.ts'
import type { EndpointPool } from './upstreams.ts'

/** Up to this size a body span is joined to its head or its chunk framing as one string: one write, one copy, nothing lent. */
const JOIN_BYTES = 8192
const EMPTY = Buffer.alloc(0)
/** The last chunk and an empty trailer section. */
const LAST_CHUNK = '0\r\n\r\n'

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
  #answered = false
  #persist = true
  #chunkedAnswer = false
  #status = 0
  #failure: UpstreamFailure | undefined = undefined
  #bytesReceived = 0
  #bytesSent = 0
  #attempts = 0
  #interim = 0
  readonly #startedAt = performance.now()
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
    this.#requestText = this.#requestHead(this.#forwarding)
    if (to > from) this.#held = buffer.subarray(from, to)
    if (this.connection.requestRead) this.#startTimeout()
    this.#tryNext()
    if (this.#upstream !== null && !this.#headSent && !this.connection.requestRead) this.connection.pauseReading()
  }

  /** More of the body; connection.requestRead tells whether this was the last of it. */
  onRequestBody(buffer: Buffer, from: number, to: number): void {
    this.#bytesReceived += to - from
    const ended = this.connection.requestRead
    if (ended) this.#startTimeout()
    const upstream = this.#upstream
    if (!this.#headSent || upstream === null) {
      if (to > from)
        this.#held =
          this.#held === null ? buffer.subarray(from, to) : Buffer.concat([this.#held, buffer.subarray(from, to)])
      return
    }
    const room = this.#writeBody(upstream, buffer, from, to, ended)
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

  onDeadline(): void {
    if (this.#waitingIn !== null) {
      this.#waitingIn.stopWaiting(this)
      this.#waitingIn = null
      this.#fail('overflow')
    } else if (this.#answered) this.#truncate()
    else {
      this.#dropUpstream()
      this.#fail('timeout')
    }
  }

  onClientGone(): void {
    this.#dropUpstream()
    this.#finish(this.tunnelling ? 'tunnel-closed' : 'client-gone')
  }

  onClientTunnelData(bytes: Buffer): void {
    const upstream = this.#upstream
    if (upstream === null) return
    this.#bytesReceived += bytes.length
    if (!upstream.socket.write(bytes)) this.connection.pauseReading()
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
    this.#waitingIn = null
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
    if (this.request.minorVersion === 0) return true
    head.dropId(CONTENT_LENGTH)
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
    const text = this.#responseHead(head, framing)
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
  }

  onBroken(upstream: UpstreamConnection, why: Breakage): void {
    this.#upstream = null
    if (this.tunnelling) {
      this.connection.destroy()
    } else if (this.#answered) this.#truncate()
    else if (why === 'refused' || why === 'connect-timeout') {
      this.#failure = why === 'refused' ? 'connect-refused' : 'connect-timeout'
      this.#forwarding!.onEndpointDown(this.#endpoint!)
      this.#tryNext()
    } else if (why === 'reset' && upstream.used && upstream.silent && this.#mayReplay()) {
      this.#replayed = true
      this.#headSent = false
      this.onTurn(upstream.pool.connect())
    } else this.#fail(why === 'reset' ? 'reset-before-head' : 'bad-response')
  }

  // ------------------------------------------------------------------------------------------ sending the request

  #tryNext(): void {
    const forwarding = this.#forwarding!
    const endpoint = forwarding.endpoint(this.#attempts + 1)
    if (endpoint === undefined) {
      this.#fail(this.#failure ?? 'no-endpoint')
      return
    }
    this.#attempts++
    this.#endpoint = endpoint
    const pool = this.connection.owner.upstreams.pool(endpoint)
    const found = pool.acquire(this)
    if (found === 'overflow') this.#fail('overflow')
    else if (found === 'waiting') {
      this.#waitingIn = pool
    } else this.onTurn(found)
  }

  #mayReplay(): boolean {
    if (this.#replayed || !this.requestSent || !this.request.idempotent) return false
    return !this.request.hasBody || this.#held !== null
  }

  #requestHead(forwarding: Forwarding): string {
    const { request } = this
    request.dropId(HOST)
    let out = `${request.method} ${forwarding.target} HTTP/1.1\r\nhost: ${forwarding.authority}\r\n${request.keptFields()}`
    if (request.websocket) out += 'connection: Upgrade\r\nupgrade: websocket\r\n'
    if (request.chunked) out += 'transfer-encoding: chunked\r\n'
    return `${out}\r\n`
  }

  #send(upstream: UpstreamConnection): void {
    const { socket } = upstream
    const { connection, request } = this
    const ended = connection.requestRead
    const held = this.#held
    this.#sentAt = performance.now()
    this.#headSent = true
    this.requestSent = ended
    if (held === null && !(request.chunked && ended)) socket.write(this.#requestText, 'latin1')
    else if (held === null || held.length <= JOIN_BYTES) {
      socket.write(this.#requestText + spanText(held ?? EMPTY, 0, held?.length ?? 0, request.chunked, ended), 'latin1')
    } else {
      socket.cork()
      socket.write(this.#requestText, 'latin1')
      writeSpan(socket, held, 0, held.length, request.chunked, ended)
      socket.uncork()
    }
    if (!ended || !upstream.used) this.#held = null
    if (!ended) connection.resumeReading()
  }

  #writeBody(upstream: UpstreamConnection, buffer: Buffer, from: number, to: number, ended: boolean): boolean {
    const { socket } = upstream
    const { chunked } = this.request
    if (ended) this.requestSent = true
    if (chunked && to - from <= JOIN_BYTES) {
      const text = spanText(buffer, from, to, true, ended)
      return text === '' || socket.write(text, 'latin1')
    }
    if (!chunked) return to === from || socket.write(buffer.subarray(from, to))
    socket.cork()
    const room = writeSpan(socket, buffer, from, to, true, ended)
    socket.uncork()
    return room
  }

  #startTimeout(): void {
    const { timeoutMs } = this.#forwarding ?? { timeoutMs: 0 }
    if (timeoutMs > 0) this.connection.owner.deadlines.set(this.connection, timeoutMs)
  }

  // ------------------------------------------------------------------------------------------ answering

  #responseHead(head: ResponseMessage, framing: BodyFraming): string {
    const { request, connection } = this
    const chunked = framing === 'chunked' || framing === 'until-close'
    this.#chunkedAnswer = chunked && request.minorVersion === 1
    this.#persist &&= request.keepsAlive && connection.mayPersist && (!chunked || this.#chunkedAnswer)
    // An error before the whole request was read is a refusal of the rest; so is any answer to a client that waits for 100.
    if (!connection.requestRead && (head.status >= 400 || request.continueAsked)) this.#persist = false
    if (head.status === 204 || chunked) head.dropId(CONTENT_LENGTH)
    let out = head.statusLine() + head.keptFields()
    if (!head.hasId(DATE) && framing !== 'tunnel') out += `date: ${httpDate()}\r\n`
    if (framing === 'tunnel') return `${out}connection: Upgrade\r\nupgrade: websocket\r\n\r\n`
    if (this.#chunkedAnswer || (framing === 'none' && head.chunked && head.status !== 204))
      out += 'transfer-encoding: chunked\r\n'
    return `${out}${this.#connectionField()}\r\n`
  }

  #connectionField(): string {
    if (!this.#persist) return 'connection: close\r\n'
    return this.request.minorVersion === 0 ? 'connection: keep-alive\r\n' : ''
  }

  /** Writes a span of the answer. False when the buffer has to stay as it is until the client has taken it. */
  #relay(text: string, buffer: Buffer, from: number, to: number, ended: boolean): boolean {
    const { socket } = this.connection
    const chunked = this.#chunkedAnswer
    const size = to - from
    this.#bytesSent += size
    let lent = false
    if (size <= JOIN_BYTES) {
      const out = text + spanText(buffer, from, to, chunked, ended)
      if (out !== '') socket.write(out, 'latin1')
    } else if (text === '' && !chunked) {
      socket.write(buffer.subarray(from, to))
      lent = true
    } else {
      socket.cork()
      if (text !== '') socket.write(text, 'latin1')
      writeSpan(socket, buffer, from, to, chunked, ended)
      socket.uncork()
      lent = true
    }
    this.connection.noteProgress()
    if (socket.writableLength > 0) return this.#waitForClient(ended, lent)
    if (ended) this.#answerDone()
    return true
  }

  /** The kernel did not take it all: nothing more is read from the upstream until it has. */
  #waitForClient(ended: boolean, lent: boolean): boolean {
    const { socket, owner } = this.connection
    if (ended && !lent) this.#releaseUpstream()
    socket.setTimeout(owner.limits.writeStallTimeoutMs)
    socket.write(EMPTY, (error) => {
      if (error) return
      socket.setTimeout(0)
      this.connection.noteProgress()
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
    this.#persist &&=
      request.keepsAlive &&
      connection.mayPersist &&
      connection.restIsShort &&
      !(request.continueAsked && !connection.requestRead)
    const field = this.#persist ? (request.minorVersion === 0 ? 'keep-alive' : '') : 'close'
    const text = edgeResponse(answer, field, !this.asksHead)
    connection.socket.write(text, 'latin1')
    if (connection.socket.writableLength > 0) this.#waitForClient(true, false)
    else this.#finish('done')
  }

  #fail(failure: UpstreamFailure): void {
    this.#failure = failure
    this.#dropUpstream()
    this.#sendAnswer(this.#forwarding!.onFailure(failure))
  }

  /** The client has part of an answer that will never be whole: it must be able to tell (RFC 9112 8). */
  #truncate(): void {
    this.#dropUpstream()
    this.#finish('truncated')
    this.connection.socket.resetAndDestroy()
  }

  #openTunnel(text: string, buffer: Buffer, from: number, to: number): boolean {
    this.tunnelling = true
    const { connection } = this
    connection.owner.deadlines.clear(connection)
    connection.resumeReading()
    const go = this.#relay(text, buffer, from, to, false)
    const early = connection.takePending()
    if (early !== null) this.onClientTunnelData(early)
    return go
  }

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
    const report = this.#forwarding === null ? this.#onFinish : null
    const forwarding = this.#forwarding
    if (forwarding === null && report === null) return
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
    else report!(outcome)
    this.connection.exchangeDone(this.#persist && end === 'done')
  }
}

/** A span as text, with its chunk framing when it needs one. */
function spanText(buffer: Buffer, from: number, to: number, chunked: boolean, ended: boolean): string {
  const data = to > from ? buffer.toString('latin1', from, to) : ''
  if (!chunked) return data
  const chunk = data === '' ? '' : `${(to - from).toString(16)}\r\n${data}\r\n`
  return ended ? chunk + LAST_CHUNK : chunk
}

interface Writer {
  write(data: Buffer): boolean
  write(text: string, encoding: 'latin1'): boolean
}

/** Writes a large span without copying it. */
function writeSpan(
  writer: Writer,
  buffer: Buffer,
  from: number,
  to: number,
  chunked: boolean,
  ended: boolean,
): boolean {
  if (!chunked) return writer.write(buffer.subarray(from, to))
  writer.write(`${(to - from).toString(16)}\r\n`, 'latin1')
  writer.write(buffer.subarray(from, to))
  return writer.write(ended ? `\r\n${LAST_CHUNK}` : '\r\n', 'latin1')
}
