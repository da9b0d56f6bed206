// One finished request, as metrics, access log and traffic figures see it. The proxy fills it, observers read it, nobody keeps it
// beyond the turn of the event loop in which the request finished.

import type { PinState, Reason } from '../rules/types.ts'

export interface RequestRecord {
  readonly internal: boolean
  /** '' when no release was found. */
  readonly release: string
  /** '' when none was reached. */
  readonly service: string
  /** The decided version; '' when no decision was taken. */
  readonly version: string
  /** The version of the pool that was chosen (the base, where a version owns none); '' when none was. */
  readonly poolVersion: string
  /** x-served-version of the answer; undefined when it named none. */
  readonly servedVersion: string | undefined
  readonly reason: Reason | ''
  /** The gray rule's name or `line N`; '' when no rule led here. */
  readonly rule: string
  readonly document: boolean
  /** What came in. */
  readonly pinIn: PinState
  /** What we did: kept what was there, set a new one, left none. */
  readonly pinOut: PinOut
  /** The seed of the pin that was held or set: tells browsers apart, names nobody; '' without a pin. */
  readonly visitor: string
  /** Caller's version on internal listeners (Istio's source_version); '' at the edge. */
  readonly sourceVersion: string
  readonly method: string
  /** Path without the query. */
  readonly path: string
  readonly authority: string
  readonly clientAddress: string
  readonly protocol: 'HTTP/1.0' | 'HTTP/1.1'
  /** 0: the client left before an answer. */
  readonly status: number
  /** EDGE_* of an answer made by the edge, else ''. */
  readonly edgeCode: string
  /** Envoy's response flags (UF, UC, UT, UH, NR, DC, DPE, ...), '-' for none. */
  readonly flags: string
  /** `address:port` of the endpoint that was tried last, else ''. */
  readonly endpoint: string
  readonly attempts: number
  /** Of bodies. */
  readonly bytesReceived: number
  readonly bytesSent: number
  /** With heads and framing. */
  readonly wireBytesReceived: number
  readonly wireBytesSent: number
  readonly durationMs: number
  /** -1 when no upstream answered. */
  readonly upstreamMs: number
  /**
   * The fields that came, for who has to know one more; undefined where there was no real request. Not to be read after `observe` has
   * returned.
   */
  readonly request: { get(name: string): string | undefined } | undefined
  readonly connection: ConnectionEnds | undefined
}

/** Both ends of the client's connection, as the socket has them. */
export interface ConnectionEnds {
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
}

export type PinOut = 'kept' | 'set' | 'none'

/** Called once for each request, on the hot path. Must not throw. */
export type Observer = (record: RequestRecord) => void
