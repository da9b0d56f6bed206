// One request and its answer on HTTP/1.1: sends it to an endpoint, tries again where that cannot hurt, relays the answer with
// back-pressure, and reports the end exactly once. Reads no bytes itself.

import { performance } from 'node:perf_hooks'
import type { EdgeAnswer, Endpoint, Exchange, Forwarding, Outcome, Refusal, UpstreamFailure } from '../exchange.ts'
import { ClientAnswer } from './client-answer.ts'
import type { ClientLink } from './client-link.ts'
import { CONTENT_LENGTH, SET_COOKIE } from './field-names.ts'
import { requestHeadText } from './outgoing-head.ts'
import type { BodyFraming } from './outgoing-head.ts'
import { isBusy } from './outlet.ts'
import type { RequestMessage } from './request-head.ts'
import { Replay } from './replay.ts'
import type { ResponseMessage } from './response-head.ts'
import { Tunnel } from './tunnel.ts'
import type { Breakage, UpstreamLink, UpstreamUser } from './upstream-link.ts'
import type { ConnectionPool } from './upstreams.ts'

const EMPTY = Buffer.alloc(0)

export class Http1Exchange<L> extends ClientAnswer<L> implements Exchange<L>, UpstreamUser {
  readonly asksWebsocket: boolean
  requestSent = false
  /** Set once both sides have switched to websocket. */
  tunnel: Tunnel<L> | null = null
  #forwarding: Forwarding | null = null
  #answer: EdgeAnswer | null = null
  #onFinish: ((outcome: Outcome) => void) | null = null
  #endpoint: Endpoint | null = null
  #waitingIn: ConnectionPool | null = null
  #upstream: UpstreamLink | null = null
  #requestText = ''
  /** Body bytes that came with the head: sent with it, and kept as long as the request might have to be sent again. */
  #held: Buffer | null = null
  #headSent = false
  /** Of routes that retry or mirror. */
  #replay: Replay | null = null
  /** Of the last attempt that reached no endpoint. */
  #connectFailure: UpstreamFailure | undefined = undefined
  #attempts = 0
  #interim = 0
  /** Nothing was waited for yet: it is still the time of startedAt. */
  #fresh = true
  #sentAt = 0
  #upstreamMs = -1

  constructor(connection: ClientLink<L>, request: RequestMessage) {
    super(connection, request)
    this.asksWebsocket = request.websocket
  }

  // ------------------------------------------------------------------------------------------ for the handler

  answer(answer: EdgeAnswer, onFinish: (outcome: Outcome) => void): void {
    this.#answer = answer
    this.#onFinish = onFinish
  }

  forward(forwarding: Forwarding): void {
    this.#forwarding = forwarding
  }

  hold(afterMs: number, then: () => void, onGone: (outcome: Outcome) => void): void {
    this.#onFinish = onGone
    this.timer = setTimeout(() => {
      this.#onFinish = null
      then()
      this.#go()
    }, afterMs)
  }

  // ------------------------------------------------------------------------------------------ for the client connection

  /** The handler has spoken; buffer[from..to) is what has come of the body. */
  start(buffer: Buffer, from: number, to: number): void {
    this.bytesReceived += to - from
    if (to > from) this.#held = buffer.subarray(from, to)
    const ended = this.connection.requestRead
    this.#go()
    if (to > from && this.#headSent && this.#held === null) this.#spend(buffer, to, ended)
    this.#fresh = false
  }

  #go(): void {
    const forwarding = this.#forwarding
    if (forwarding === null) {
      if (this.#answer !== null) this.sendAnswer(this.#answer)
      else this.connection.pauseReading()
      return
    }
    if (forwarding.keepBytes > 0) {
      this.#replay = new Replay(forwarding)
      if (this.#held !== null) this.#replay.keep(this.#held)
    }
    if (this.connection.requestRead) this.startTimeout(forwarding.timeoutMs)
    this.#tryNext()
    // The body waits in the client's socket until there is somebody to send it to.
    if (!this.#headSent && !this.answered && !this.connection.requestRead) this.connection.pauseReading()
  }

  /** More of the body; connection.requestRead tells whether this was the last of it. */
  onRequestBody(buffer: Buffer, from: number, to: number): void {
    this.bytesReceived += to - from
    const ended = this.connection.requestRead
    if (ended) this.startTimeout(this.#forwarding?.timeoutMs ?? 0)
    const upstream = this.#upstream
    if (this.#replay !== null) this.#keepBody(this.#replay, buffer.subarray(from, to), ended)
    if (upstream === null || !this.#headSent) {
      const span = buffer.subarray(from, to)
      if (to > from) this.#held = this.#held === null ? span : Buffer.concat([this.#held, span])
      return
    }
    if (ended) this.requestSent = true
    const room = upstream.sendBody(buffer, from, to, this.request.chunked, ended)
    if (!room && !ended) {
      this.connection.pauseReading()
      upstream.socket.setTimeout(this.connection.owner.limits.writeStallTimeoutMs)
    }
    this.#spend(buffer, to, ended)
  }

  /** What was sent of the body up to buffer[to] is wanted no more, unless another attempt or the next request may need it. */
  #spend(buffer: Buffer, to: number, ended: boolean): void {
    if (this.#replay?.keeps === true || (ended && to < buffer.length)) return
    this.#upstream?.spend(buffer)
  }

  /** The body is no body, or did not come in time. */
  onBadBody(refusal: Refusal): void {
    this.#dropUpstream()
    if (this.answered) {
      this.connection.destroy()
      return
    }
    this.sendRefusal(refusal)
  }

  /** The time for the whole answer, or for a free connection, is over. */
  onDeadline(): void {
    if (this.#waitingIn !== null && !this.overdue) this.#fail('overflow')
    else this.onOverdue()
  }

  protected override onOverdue(): void {
    if (this.answered) this.#truncate()
    else this.#fail('timeout')
  }

  onClientGone(): void {
    const { tunnel } = this
    if (tunnel === null) this.#dropUpstream()
    else tunnel.onClientGone()
    this.finish(tunnel === null ? 'client-gone' : 'tunnel-closed')
  }

  // ------------------------------------------------------------------------------------------ for the upstream connection

  onTurn(upstream: UpstreamLink): void {
    if (this.#waitingIn !== null) {
      this.#waitingIn = null
      this.connection.waitFor(this.timeLeft)
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
    this.#forwarding!.onInterim?.(head)
    this.sendInterim(`${head.statusAndFields()}\r\n`)
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
    const now = performance.now()
    this.#upstreamMs = now - this.#sentAt
    if (this.#replay !== null && framing !== 'tunnel' && this.#retriesAnswer(this.#replay, head, ended)) return true
    this.#held = null
    this.answered = true
    this.endHeadTimeout()
    this.status = head.status
    this.#forwarding!.onEndpointUp(this.#endpoint!)
    this.#forwarding!.onAnswer(head)
    const text = this.frameAnswer(head, framing)
    if (framing === 'tunnel') return this.#openTunnel(text, buffer, from, to)
    const body = framing === 'length' || framing === 'none' ? head.textBehind(to - from) : undefined
    return this.relayHead(text, body, buffer, from, to, ended, now)
  }

  onBody(buffer: Buffer, from: number, to: number, ended: boolean): boolean {
    return this.relay('', buffer, from, to, ended)
  }

  onTunnelData(buffer: Buffer, from: number, to: number): boolean {
    return this.relay('', buffer, from, to, false)
  }

  onTunnelEnd(): void {
    this.tunnel?.onUpstreamEnd()
  }

  onBroken(upstream: UpstreamLink, why: Breakage): void {
    this.#upstream = null
    if (this.tunnel !== null) this.tunnel.onUpstreamGone()
    else if (this.answered) this.#truncate()
    else if (why === 'refused' || why === 'connect-timeout') {
      this.#connectFailure = why === 'refused' ? 'connect-refused' : 'connect-timeout'
      this.#forwarding!.onEndpointDown(this.#endpoint!)
      if (this.#replay?.decides === true) this.#failAttempt(this.#connectFailure)
      else this.#tryNext()
    } else if (why === 'reset' && upstream.used && upstream.silent && this.#mayReplay()) {
      this.#headSent = false
      this.onTurn(upstream.pool.connect())
    } else if (why === 'exhausted') this.#fail('overflow')
    else this.#failAttempt(why === 'reset' ? 'reset-before-head' : 'bad-response')
  }

  // ------------------------------------------------------------------------------------------ sending the request

  #tryNext(): void {
    const endpoint = this.#forwarding!.endpoint(this.#attempts + 1)
    if (endpoint === undefined || endpoint === 'overflow') {
      this.#fail(endpoint === 'overflow' ? 'overflow' : (this.#connectFailure ?? 'no-endpoint'))
      return
    }
    this.#attempts++
    this.#endpoint = endpoint
    if (this.#replay !== null && this.connection.requestRead) this.#startTry(this.#replay)
    const { owner } = this.connection
    const pool = owner.upstreams.pool(endpoint)
    const found = pool.acquire(this)
    if (found === 'overflow') this.#fail('overflow')
    else if (found === 'waiting') {
      this.#waitingIn = pool
      this.connection.waitFor(Math.min(this.timeLeft, owner.limits.connectTimeoutMs))
    } else this.onTurn(found)
  }

  /**
   * A pooled connection broke before any byte of an answer: most likely the endpoint had closed it already. Sent once more, on a fresh
   * connection, if being processed twice would do no harm (RFC 9110 9.2.2) and all of it is still here.
   */
  #mayReplay(): boolean {
    if (!this.requestSent || !this.request.idempotent) return false
    return !this.request.hasBody || this.#held !== null
  }

  // ------------------------------------------------------------------------------------------ the route's own retries

  #keepBody(replay: Replay, bytes: Buffer, ended: boolean): void {
    replay.keep(bytes)
    // Between two attempts the next one starts its own time.
    const underWay = this.#upstream !== null || this.#waitingIn !== null
    if (ended && underWay) this.#startTry(replay)
  }

  #startTry(replay: Replay): void {
    // Its answer may have come before the last of the body.
    if (!this.answered) replay.startTry(() => this.#onTryExpired())
    replay.copy(this.#headText())
  }

  #onTryExpired(): void {
    this.#dropUpstream()
    // If it waited for a connection, that wait had an end of its own.
    this.connection.waitFor(this.timeLeft)
    this.#failAttempt('try-timeout')
  }

  #failAttempt(failure: UpstreamFailure): void {
    const afterMs = this.#replay?.afterFailure(failure) ?? -1
    if (afterMs < 0) this.#fail(failure)
    else this.#tryAgain(this.#replay!, afterMs)
  }

  /** This answer is not passed on: another attempt is made. */
  #retriesAnswer(replay: Replay, head: ResponseMessage, ended: boolean): boolean {
    replay.endTry()
    const afterMs = replay.afterAnswer(head)
    if (afterMs < 0) return false
    this.#forwarding!.onEndpointUp(this.#endpoint!)
    if (ended) this.releaseUpstream()
    else this.#dropUpstream()
    this.#tryAgain(replay, afterMs)
    return true
  }

  #tryAgain(replay: Replay, afterMs: number): void {
    this.#headSent = this.requestSent = false
    this.#requestText = ''
    if (!this.connection.requestRead) this.connection.pauseReading()
    replay.endTry()
    replay.wait(afterMs, () => {
      this.#held = replay.body ?? null
      this.#tryNext()
    })
  }

  // ------------------------------------------------------------------------------------------ the request

  #headText(): string {
    if (this.#requestText === '') this.#requestText = requestHeadText(this.request, this.#forwarding!, this.#endpoint!)
    return this.#requestText
  }

  #send(upstream: UpstreamLink): void {
    const { connection, request } = this
    const ended = connection.requestRead
    this.#sentAt = this.#fresh ? this.startedAt : performance.now()
    this.#headSent = true
    this.requestSent = ended
    const body = request.hasBody ? (this.#held ?? EMPTY) : null
    const soon = ended && isBusy(connection.owner.activeRequests)
    upstream.sendRequest(this.#headText(), body, request.chunked, ended, soon)
    if (!ended || !upstream.used || !request.idempotent) this.#held = null
    if (!ended) connection.resumeReading()
  }

  // ------------------------------------------------------------------------------------------ answering

  #fail(failure: UpstreamFailure): void {
    this.#dropUpstream()
    this.sendAnswer(this.#forwarding!.onFailure(failure))
  }

  /** The client has part of an answer that will never be whole, and must be able to tell. */
  #truncate(): void {
    this.#dropUpstream()
    this.connection.cutOff(this.closeFramed)
    this.finish('truncated')
  }

  /** RFC 6455: from the 101 on both sides are bytes. */
  #openTunnel(text: string, buffer: Buffer, from: number, to: number): boolean {
    this.endTimeout()
    this.#replay?.cancel()
    const tunnel = (this.tunnel = new Tunnel(this.connection, this.#upstream!))
    const go = this.relay(text, buffer, from, to, false)
    tunnel.open(this.connection.takePending())
    return go
  }

  // ------------------------------------------------------------------------------------------ the end

  protected override readOn(): void {
    this.#upstream?.resume()
  }

  protected override releaseUpstream(): void {
    const upstream = this.#upstream
    this.#upstream = null
    upstream?.release()
  }

  #dropUpstream(): void {
    this.#replay?.cancel()
    const upstream = this.#upstream
    this.#upstream = null
    upstream?.destroy()
    this.#waitingIn?.stopWaiting(this)
    this.#waitingIn = null
  }

  protected override finish(end: Outcome['end']): void {
    const forwarding = this.#forwarding
    const onFinish = this.#onFinish
    if (forwarding === null && onFinish === null) return
    clearTimeout(this.timer)
    this.#replay?.cancel()
    this.#forwarding = null
    this.#onFinish = null
    const received = this.tunnel === null ? this.bytesReceived : this.tunnel.bytesReceived
    const outcome = this.outcome(end, received, this.#upstreamMs, this.#attempts)
    if (forwarding !== null) forwarding.onFinish(outcome)
    else onFinish!(outcome)
    this.connection.exchangeDone(this.persist && end === 'done')
  }
}
