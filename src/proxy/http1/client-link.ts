// What an exchange knows of its client's connection, and that connection of its server: client-connection.ts and server.ts are these. The
// upstream's side of an exchange is upstream-link.ts.

import type { Socket } from 'node:net'
import type { Connection, ExchangeHandler } from '../exchange.ts'
import type { ChunkedDecoder } from './chunked.ts'
import type { Deadlines } from './deadlines.ts'
import type { Limits } from './limits.ts'
import type { Outlet } from './outlet.ts'
import type { Upstreams } from './upstreams.ts'

/** What a client connection needs of its server. */
export interface ConnectionOwner<L> {
  readonly handler: ExchangeHandler<L>
  readonly upstreams: Upstreams
  readonly limits: Limits
  readonly deadlines: Deadlines
  readonly draining: boolean
  /** Requests under way on all its connections. */
  activeRequests: number
  onClosed(connection: Connection<L>): void
}

/** What an exchange needs of the connection its request came in on. */
export interface ClientLink<L> extends Connection<L> {
  readonly owner: ConnectionOwner<L>
  /** What was to be written later is written first. */
  readonly socket: Socket
  readonly outlet: Outlet
  /** Of the request's body, when it is chunked. */
  readonly decoder: ChunkedDecoder | null
  /** All of the current request has been read. */
  readonly requestRead: boolean
  /** The peer has ended its side. */
  readonly ended: boolean
  /** May this connection serve another request after the current one? */
  readonly mayPersist: boolean
  /** The rest of the body is short enough to be read and thrown away. */
  readonly restIsShort: boolean
  pauseReading(): void
  resumeReading(): void
  /** No client deadline while the client is the one who waits; `afterMs` Infinity for none. A half-closed one is not believed for long. */
  waitFor(afterMs: number): void
  /** Something was written: a half-closed client has shown that it may still be there. */
  noteProgress(): void
  /** What came behind a request that became a tunnel. */
  takePending(): Buffer | null
  /** The answer is out. */
  exchangeDone(persist: boolean): void
  /** Ends our side. */
  close(): void
  /** Lets what was written go out, then closes. */
  destroySoon(): void
  /**
   * Ends the connection inside an answer. With a reset where the end of the body is the end of the connection: the client could not
   * tell otherwise (RFC 9112 8).
   */
  cutOff(reset: boolean): void
  destroy(): void
}
