// The client's side of an exchange: frames the answer, writes it with back-pressure, and says when it is out. Where it comes from is not
// known here (http1-exchange.ts).

import { performance } from 'node:perf_hooks'
import type { EdgeAnswer, Outcome, Refusal } from '../exchange.ts'
import type { ClientLink } from './client-link.ts'
import { edgeResponse } from './edge-response.ts'
import { isBusy } from './outlet.ts'
import { responseHeadText } from './outgoing-head.ts'
import type { BodyFraming } from './outgoing-head.ts'
import { closeFrame, type EndKind, GentleEnd } from './gentle-end.ts'
import type { RequestMessage } from './request-head.ts'
import type { ResponseMessage } from './response-head.ts'
import { answerPiece, chunkFraming, writeSpan } from './span.ts'

/** Deadlines are up to two tenths of a second late: too much for short ones. */
const preciseBelowMs = 2000

const EMPTY = Buffer.alloc(0)
/** How long an answer that shall end may take to come to a place where it can, and a client to say that it has understood. */
const PATIENCE_MS = 5000

export abstract class ClientAnswer<L> {
  readonly connection: ClientLink<L>
  readonly request: RequestMessage
  readonly asksHead: boolean
  /** A final head went to the client. */
  protected answered = false
  /** The connection may serve another request. */
  protected persist = true
  /** The end of the answer is the end of the connection. */
  protected closeFramed = false
  protected status = 0
  /** Why no whole request came. */
  private refusal: Refusal | undefined = undefined
  /** Of the body; those of a tunnel are counted there. */
  protected bytesReceived = 0
  protected bytesSent = 0
  /** Bytes of heads and chunk framing. */
  protected framingSent = 0
  protected readonly startedAt = performance.now()
  /** Of answers that may have to end before their upstream ends them. */
  private gentle: GentleEnd | null = null
  private chunkedAnswer = false
  private timeoutAt = 0
  /** Only until the head of the answer is there. */
  private headOnly = false
  /** Of a hold, then of a short time for the answer; rarely any. */
  protected timer: NodeJS.Timeout | undefined
  /** The time at which the answer's head came, while it is being passed on; else 0. */
  private headAt = 0

  constructor(connection: ClientLink<L>, request: RequestMessage) {
    this.connection = connection
    this.request = request
    this.asksHead = request.method === 'HEAD'
  }

  /** The upstream's connection is wanted no more. */
  protected abstract releaseUpstream(): void
  /** The client has taken what was written: the upstream may be read again. */
  protected abstract readOn(): void
  /** The time for the whole answer is over. */
  protected abstract onOverdue(): void
  protected abstract finish(end: Outcome['end']): void

  /** The client has so long to wait for the whole answer, from now on; 0: for its body as long as it likes. */
  protected startTimeout(wholeMs: number): void {
    this.headOnly = wholeMs <= 0
    if (this.headOnly && this.answered) return
    const timeoutMs = this.headOnly ? this.connection.owner.limits.answerTimeoutMs : wholeMs
    this.timeoutAt = this.connection.owner.deadlines.now + timeoutMs
    this.connection.waitFor(timeoutMs)
    if (timeoutMs < preciseBelowMs) this.timer = setTimeout(() => this.onOverdue(), timeoutMs)
  }

  /** The head of the answer is there. */
  protected endHeadTimeout(): void {
    if (!this.headOnly) return
    this.endTimeout()
    this.connection.waitFor(Infinity)
  }

  /** It becomes a tunnel, which may last. */
  protected endTimeout(): void {
    clearTimeout(this.timer)
    this.timeoutAt = 0
  }

  /** Milliseconds until the whole answer is overdue; Infinity without such a limit. */
  get timeLeft(): number {
    return this.timeoutAt === 0 ? Infinity : Math.max(0, this.timeoutAt - this.connection.owner.deadlines.now)
  }

  protected get overdue(): boolean {
    return this.timeLeft === 0
  }

  /** What is reported at the end. `received`: bytes of the request's body, or of the tunnel that it became. */
  protected outcome(end: Outcome['end'], received: number, upstreamMs: number, attempts: number): Outcome {
    return {
      status: this.status,
      end,
      refusal: this.refusal,
      bytesReceived: received,
      bytesSent: this.bytesSent,
      wireBytesReceived: this.framingReceived + received,
      wireBytesSent: this.framingSent + this.bytesSent,
      durationMs: this.durationMs,
      upstreamMs,
      attempts,
    }
  }

  /** Milliseconds until now. */
  private get durationMs(): number {
    return (this.headAt || performance.now()) - this.startedAt
  }

  /** Bytes of the request's head and of its chunk framing. */
  private get framingReceived(): number {
    const { length, chunked } = this.request
    return chunked ? length + this.connection.decoder!.framingBytes : length
  }

  protected frameAnswer(head: ResponseMessage, framing: BodyFraming): string {
    const { request, connection } = this
    const unsized = framing === 'chunked' || framing === 'until-close'
    this.chunkedAnswer = unsized && request.minorVersion === 1
    this.closeFramed = unsized && request.minorVersion === 0
    if (!request.keepsAlive || !connection.mayPersist || this.closeFramed) this.persist = false
    // An error before the whole request was read refuses the rest; and who waits for 100 gets no other sign (RFC 9110 10.1.1).
    if (!connection.requestRead && (head.status >= 400 || request.continueAsked)) this.persist = false
    const announced = this.chunkedAnswer || (this.asksHead && head.chunked && request.minorVersion === 1)
    const text = responseHeadText(head, framing, announced, this.connectionOption())
    this.framingSent += text.length
    return text
  }

  private connectionOption(): '' | 'close' | 'keep-alive' {
    if (!this.persist) return 'close'
    return this.request.minorVersion === 0 ? 'keep-alive' : ''
  }

  // --- ending early ---

  watchEnds(kind: EndKind): void {
    this.gentle = new GentleEnd(kind)
  }

  endGently(): void {
    const { gentle, connection } = this
    if (gentle === null || gentle.reached || connection.socket.destroyed) return
    // With a length announced, an early end would be a broken answer.
    if (gentle.kind !== 'frames' && !this.chunkedAnswer && !this.closeFramed) return
    if (gentle.ask()) this.endNow('', EMPTY, 0, 0)
    // Not if it has come to its end meanwhile: the connection may serve another request by then.
    else setTimeout(() => this.gentle === null || gentle.reached || connection.close(), PATIENCE_MS).unref()
  }

  /** The last span. A WebSocket's client answers Close with Close, which goes on to the upstream; whoever does not is cut off. */
  private endNow(before: string, buffer: Buffer, from: number, to: number): boolean {
    const { gentle, connection } = this
    if (gentle!.kind !== 'frames') return this.write(before, buffer, from, to, true)
    const last = Buffer.concat([buffer.subarray(from, to), closeFrame])
    setTimeout(() => connection.close(), PATIENCE_MS).unref()
    return this.write(before, last, 0, last.length, false)
  }

  // --- writing ---

  /** Writes a span of the answer. False when the buffer has to stay as it is until the client has taken it. */
  protected relay(before: string, buffer: Buffer, from: number, to: number, ended: boolean): boolean {
    const { gentle } = this
    if (gentle !== null) {
      if (gentle.reached) return true
      const stop = gentle.pass(buffer, from, to)
      if (gentle.reached) return this.endNow(before, buffer, from, stop)
    }
    return this.write(before, buffer, from, to, ended)
  }

  /** A head before the final one (1xx). */
  protected sendInterim(text: string): void {
    this.framingSent += text.length
    this.connection.socket.write(text, 'latin1')
  }

  private write(before: string, buffer: Buffer, from: number, to: number, ended: boolean): boolean {
    const { connection, chunkedAnswer } = this
    this.bytesSent += to - from
    if (chunkedAnswer) this.framingSent += chunkFraming(to - from, ended)
    const piece = answerPiece(before, buffer, from, to, chunkedAnswer, ended)
    if (piece !== undefined) return this.send(piece, ended)
    writeSpan(connection.socket, before, buffer, from, to, chunkedAnswer, ended)
    return this.written(ended, true)
  }

  /** The same for the head, where `body` holds the span as text if it needs no framing. `now` is the time. */
  protected relayHead(
    text: string,
    body: string | undefined,
    buffer: Buffer,
    from: number,
    to: number,
    ended: boolean,
    now: number,
  ): boolean {
    // Most answers come in one piece and end here: their end needs no clock of its own.
    this.headAt = now
    this.bytesSent += body === undefined ? 0 : to - from
    const go = body === undefined ? this.relay(text, buffer, from, to, ended) : this.send(text + body, ended)
    this.headAt = 0
    return go
  }

  /** One piece, now or soon. */
  private send(piece: string | Buffer, ended: boolean): boolean {
    const { outlet, owner } = this.connection
    const lent = typeof piece !== 'string'
    // One answer may wait, no second one behind it.
    if (lent || !ended || !isBusy(owner.activeRequests) || !outlet.empty) {
      if (lent) outlet.socket.write(piece)
      else if (piece !== '') outlet.socket.write(piece, 'latin1')
      return this.written(ended, lent)
    }
    outlet.writeSoon(piece)
    this.answerDone()
    return true
  }

  private written(ended: boolean, lent: boolean): boolean {
    this.connection.noteProgress()
    if (this.connection.socket.writableLength > 0) return this.waitForClient(ended, lent)
    if (ended) this.answerDone()
    return true
  }

  /** The kernel did not take it all: nothing more is read from the upstream until it has. */
  private waitForClient(ended: boolean, lent: boolean): boolean {
    const { connection } = this
    const { socket } = connection
    if (ended && !lent) this.releaseUpstream()
    // The stall timer of the socket sees bytes trickle away; our deadlines do not.
    socket.setTimeout(connection.owner.limits.writeStallTimeoutMs)
    if (connection.ended) connection.waitFor(this.timeLeft)
    socket.write(EMPTY, (error) => {
      if (error) return
      socket.setTimeout(0)
      connection.noteProgress()
      if (ended) this.answerDone()
      else this.readOn()
    })
    return ended && !lent
  }

  private answerDone(): void {
    this.gentle = null
    this.releaseUpstream()
    this.finish('done')
  }

  /** In place of any other answer. */
  protected sendRefusal(refusal: Refusal): void {
    const { connection } = this
    this.persist = false
    this.refusal = refusal
    this.sendAnswer(connection.owner.handler.refuse(connection, refusal, true))
  }

  protected sendAnswer(answer: EdgeAnswer): void {
    const { connection, request } = this
    this.answered = true
    this.status = answer.status
    // After 400 the rest of what this client sends is not trusted. A body that nobody wants is read to its end only when that is near.
    if (!request.keepsAlive || !connection.mayPersist || answer.status === 400) this.persist = false
    if (!connection.requestRead && (request.continueAsked || !connection.restIsShort)) this.persist = false
    const text = edgeResponse(answer, this.connectionOption(), !this.asksHead)
    if (!this.asksHead) this.bytesSent += Buffer.byteLength(answer.body)
    this.framingSent += text.length - this.bytesSent
    connection.socket.write(text, 'latin1')
    connection.waitFor(Infinity)
    if (connection.socket.writableLength > 0) this.waitForClient(true, false)
    else this.finish('done')
  }
}
