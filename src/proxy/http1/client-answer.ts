// The client's side of an exchange: frames the answer, writes it with back-pressure, and says when it is out. Where it comes from is not
// known here (http1-exchange.ts).

import type { EdgeAnswer, Outcome } from '../exchange.ts'
import type { ClientConnection } from './client-connection.ts'
import { edgeResponse } from './edge-response.ts'
import { responseHeadText } from './outgoing-head.ts'
import type { BodyFraming } from './outgoing-head.ts'
import type { RequestMessage } from './request-head.ts'
import type { ResponseMessage } from './response-head.ts'
import { writeAnswerSpan } from './span.ts'

const EMPTY = Buffer.alloc(0)

export abstract class ClientAnswer<L> {
  readonly connection: ClientConnection<L>
  readonly request: RequestMessage
  readonly asksHead: boolean
  /** A final head went to the client. */
  protected answered = false
  /** The connection may serve another request. */
  protected persist = true
  /** The end of the answer is the end of the connection. */
  protected closeFramed = false
  protected status = 0
  protected bytesSent = 0
  private chunkedAnswer = false

  constructor(connection: ClientConnection<L>, request: RequestMessage) {
    this.connection = connection
    this.request = request
    this.asksHead = request.method === 'HEAD'
  }

  /** The upstream's connection is wanted no more. */
  protected abstract releaseUpstream(): void
  /** The client has taken what was written: the upstream may be read again. */
  protected abstract readOn(): void
  protected abstract finish(end: Outcome['end']): void

  protected frameAnswer(head: ResponseMessage, framing: BodyFraming): string {
    const { request, connection } = this
    const unsized = framing === 'chunked' || framing === 'until-close'
    this.chunkedAnswer = unsized && request.minorVersion === 1
    this.closeFramed = unsized && request.minorVersion === 0
    if (!request.keepsAlive || !connection.mayPersist || this.closeFramed) this.persist = false
    // An error before the whole request was read refuses the rest; and who waits for 100 gets no other sign (RFC 9110 10.1.1).
    if (!connection.requestRead && (head.status >= 400 || request.continueAsked)) this.persist = false
    const announced = this.chunkedAnswer || (this.asksHead && head.chunked && request.minorVersion === 1)
    return responseHeadText(head, framing, announced, this.connectionOption())
  }

  private connectionOption(): '' | 'close' | 'keep-alive' {
    if (!this.persist) return 'close'
    return this.request.minorVersion === 0 ? 'keep-alive' : ''
  }

  /** Writes a span of the answer. False when the buffer has to stay as it is until the client has taken it. */
  protected relay(before: string, buffer: Buffer, from: number, to: number, ended: boolean): boolean {
    const { socket } = this.connection
    this.bytesSent += to - from
    const lent = writeAnswerSpan(socket, before, buffer, from, to, this.chunkedAnswer, ended)
    this.connection.noteProgress()
    if (socket.writableLength > 0) return this.waitForClient(ended, lent)
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
    if (connection.ended) connection.waitFor(0)
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
    this.releaseUpstream()
    this.finish('done')
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
    connection.socket.write(text, 'latin1')
    connection.waitFor(0)
    if (connection.socket.writableLength > 0) this.waitForClient(true, false)
    else this.finish('done')
  }
}
