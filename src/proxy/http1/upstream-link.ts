// What a forwarded request and a connection to an endpoint know of each other, be it plain (upstream-connection.ts) or over TLS
// (../https-upstream.ts).

import type { Socket } from 'node:net'
import type { Endpoint } from '../exchange.ts'
import type { UpstreamTrust } from '../tls/upstream-trust.ts'
import type { Deadlines } from './deadlines.ts'
import type { Limits } from './limits.ts'
import type { BodyFraming } from './outgoing-head.ts'
import type { ResponseMessage } from './response-head.ts'

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

/** What a connection needs of the pool it belongs to (upstreams.ts). */
export interface LinkPool {
  readonly endpoint: Endpoint
  readonly upstreams: { readonly limits: Limits; readonly deadlines: Deadlines; readonly trust: UpstreamTrust }
  /** Milliseconds. */
  readonly connectTimeoutMs: number
  /** Milliseconds. */
  readonly idleTimeoutMs: number
  /** The endpoint has left the configuration: connections end with their request. */
  readonly retired: boolean
  /** A new connection whatever the limit says: takes the place of one that just broke. */
  connect(): UpstreamLink
  /** This connection can be used. */
  connected(): void
  /** Both messages ended cleanly and nothing came behind them. */
  release(connection: UpstreamLink): void
  /** The connection is gone; `held` tells whether a request had it, `connecting` whether it never became one. */
  closed(connection: UpstreamLink, held: boolean, connecting: boolean): void
}

/** What a request needs of a connection to an endpoint, plain or over TLS (https-upstream.ts). */
export interface UpstreamLink {
  readonly pool: LinkPool
  /** For tunnels, and for the timer of stalled writes. */
  readonly socket: Socket
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
  /**
   * Of bytes that were just sent from this buffer, and that nobody else wants: once they have been taken, the buffer's memory may be
   * given back. They are all that it holds.
   */
  spend(buffer: Buffer): void
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

/** Websocket alone, as it was asked for. */
export function isWebsocketAnswer(head: ResponseMessage): boolean {
  const upgrade = head.lines('upgrade')
  return head.upgradeAsked && upgrade.length === 1 && upgrade[0]!.toLowerCase() === 'websocket'
}
