// Every bound of the engine, in one place. Pure data; the configuration's `limits` block has the same names.

/** Bytes are bytes on the wire, durations are milliseconds. The defaults follow Envoy's list for edge proxies. */
export interface Limits {
  /** Bytes of a whole message head, either direction. More: 431 to the client, `bad-response` from an upstream. */
  readonly headBytes: number
  /** Bytes of a request target. More: 414. */
  readonly targetBytes: number
  /** Field lines in a head. More: 431, or `bad-response`. */
  readonly fields: number
  /** From the first byte of a request head to its last (and from accepting a connection to its first byte). */
  readonly headTimeoutMs: number
  /** A connection without a request, after its first. */
  readonly idleTimeoutMs: number
  /** Between two reads of a request body, while we are ready to read. */
  readonly bodyIdleTimeoutMs: number
  /** From the end of a request's head to the end of its body, however it comes (Envoy's request_timeout). Then 408. */
  readonly requestTimeoutMs: number
  /**
   * From a whole request to the whole head of its answer, retries included, where the route sets no time of its own: an upstream may be
   * silent or trickle (Envoy's stream_idle_timeout, which no part of a head puts off). Then 504.
   */
  readonly answerTimeoutMs: number
  /** A peer that takes nothing of what is written to it. */
  readonly writeStallTimeoutMs: number
  /** Requests on one client connection; the last answer says `Connection: close`. */
  readonly requestsPerConnection: number
  /** Client connections in all. */
  readonly connections: number
  /** Client connections of one peer address that is no trusted proxy; 0 for no limit. */
  readonly connectionsPerAddress: number
  /** TCP connect to an endpoint; also the longest wait for a free connection to it. */
  readonly connectTimeoutMs: number
  /** An upstream connection without a request. Keep it below the upstream's own. */
  readonly upstreamIdleTimeoutMs: number
  /** Open connections per endpoint. */
  readonly upstreamConnections: number
  /** Requests that wait for a connection, per endpoint. More: `overflow`. */
  readonly upstreamWaiting: number
  /** Interim (1xx) answers to one request. More: `bad-response`. */
  readonly interimResponses: number
  /** Body bytes read and thrown away after an early answer, so that the client gets to read it. */
  readonly drainBytes: number
}

export const defaultLimits: Limits = Object.freeze({
  headBytes: 32_768,
  targetBytes: 8_192,
  fields: 100,
  headTimeoutMs: 10_000,
  idleTimeoutMs: 60_000,
  bodyIdleTimeoutMs: 30_000,
  requestTimeoutMs: 300_000,
  answerTimeoutMs: 300_000,
  writeStallTimeoutMs: 30_000,
  requestsPerConnection: 10_000,
  connections: 20_000,
  connectionsPerAddress: 0,
  connectTimeoutMs: 2_000,
  upstreamIdleTimeoutMs: 50_000,
  upstreamConnections: 1_024,
  upstreamWaiting: 1_024,
  interimResponses: 8,
  drainBytes: 65_536,
})
