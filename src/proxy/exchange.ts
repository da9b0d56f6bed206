// The seam between the engine that speaks HTTP and the code that decides: one request, its answer, and nothing of sockets.
// http1/ implements it; handle-request.ts and its helpers use it. HTTP/2 will be a second implementation.

import type { ConnectionRules } from './connection-rules.ts'
import type { FieldBlock, FieldLine } from './field-line.ts'
import type { FieldNames } from './http1/field-names.ts'

/**
 * The fields of one message, read lazily off the bytes that came, and the changes to make before they are sent on.
 * Names are given in lower case. Hop-by-hop fields, and those that Connection names, are out of what is sent from the start
 * (RFC 9110 7.6.1); `append` and `set` come last, so nothing a peer names in Connection can take our fields away.
 */
export interface Head {
  /** The value; several lines are joined by ', ' (RFC 9110 5.3), Cookie lines by '; '. Undefined when absent. */
  get(name: string): string | undefined
  /** Each line's value in order. */
  lines(name: string): readonly string[]
  has(name: string): boolean
  /** What stands to be sent, line by line: those that came and stay, then those that were added. */
  sentLines(name: string): readonly string[]
  /** Names that came in several lines. */
  repeatedNames(): readonly string[]
  /** Sends all names in lower case, as Envoy does, rather than as they came. */
  lowerCaseNames(): void
  /** Takes every line of that name out of what is sent on. `get` still sees what came. */
  remove(name: string): void
  /** The same for several names. */
  removeAll(names: FieldNames): void
  /** The same in every spelling. */
  removeSpellings(names: FieldNames): void
  /** Adds a line. The value has to be free of CR, LF and NUL: the caller builds it from checked parts. */
  append(name: string, value: string): void
  appendLine(line: FieldLine): void
  /** `sent` and what removes lines do not see them. */
  appendBlock(block: FieldBlock): void
  /** remove, then append. */
  set(name: string, value: string): void
  setLine(line: FieldLine): void
  /** Every line that came, in order, with its name in lower case: for explain, logs and tests, not for the hot path. */
  entries(): readonly (readonly [name: string, value: string])[]
}

export interface RequestHead extends Head {
  readonly method: string
  /** The request target in origin form, exactly as it came (absolute-form: what is behind the authority; `*` for OPTIONS *). */
  readonly target: string
  /** Host as sent, or the authority of an absolute-form target, which wins (RFC 9112 3.2.2). '' when Host is empty, or an HTTP/1.0 request has none. */
  readonly authority: string
  readonly minorVersion: 0 | 1
  /** Of an absolute-form target; '' for any other. */
  readonly scheme: '' | 'http' | 'https'
  /** True when the client asks for `Upgrade: websocket` in due form (RFC 6455 4.1: GET, Connection: upgrade). */
  readonly websocket: boolean
  readonly hasBody: boolean
  /** Its fields are those of the request before on this connection, byte for byte. */
  readonly repeats: boolean
  /**
   * Whether the same changes, which `changes` stands for, were made to the same fields before: what came of them is sent again, and nothing
   * may be changed any more. If not, they have to be made.
   */
  repeatChanges(changes: object): boolean
}

export interface ResponseHead extends Head {
  readonly status: number
  /** Takes out the lines of that name whose value the test accepts. */
  removeLines(name: string, test: (value: string) => boolean): void
}

/** Where to listen. */
export interface ListenerOptions {
  readonly port: number
  readonly address: string
}

/** One client connection; `listener` is whatever the gateway gave its listening socket, to find it again at a request. */
export interface Connection<L = unknown> {
  readonly listener: L
  readonly remoteAddress: string
  readonly remotePort: number
  /** The address and port it came in at. */
  readonly localAddress: string
  readonly localPort: number
  readonly encrypted: boolean
  /** Room for one value that is worth computing once a connection (the parsed peer address). */
  memo: unknown
}

/** An upstream address that bytes can be sent to. Identity is `key`: pools and health survive a reload by it. */
export interface Endpoint {
  /** `address:port`, IPv6 in brackets; over TLS `name:port@address`, since several names may be served at one address. */
  readonly key: string
  readonly address: string
  readonly port: number
  /** Set for HTTPS: the host of its URL, which its certificate has to bear. */
  readonly serverName?: string | undefined
  /** `address:port` for people and for Host, where the key says more. */
  readonly label?: string
  /** How its connections are kept, where its pool has rules of its own. */
  readonly rules?: ConnectionRules | undefined
}

/** An answer that the edge makes itself. */
export interface EdgeAnswer {
  readonly status: number
  /** Fields beside Content-Length, Date and Connection, which the engine writes. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** Text goes out as UTF-8. */
  readonly body: string | Uint8Array
}

/** Why no (whole) answer came from an upstream. */
export type UpstreamFailure =
  | 'connect-refused' /** nothing was sent; the endpoint refuses or cannot be reached */
  | 'connect-timeout'
  | 'reset-before-head' /** the connection broke before a whole response head came */
  | 'bad-response' /** what came is not strict HTTP/1.1 */
  | 'timeout' /** the deadline passed before the head came */
  | 'try-timeout' /** the last attempt's own deadline passed before the head came */
  | 'no-endpoint' /** `endpoint` gave none */
  | 'overflow' /** the limits of connections and waiting requests are reached */

/** How one exchange ended. Exactly one is reported for each request that `handle` was given. */
export interface Outcome {
  /** Status the client got; 0 when it went away before any. */
  readonly status: number
  /** done: the whole answer went out. client-gone: it left first. truncated: the upstream broke off inside its answer. */
  readonly end: 'done' | 'client-gone' | 'truncated' | 'tunnel-closed'
  /** The rest of the request was refused, and this is what the client was told. */
  readonly refusal: Refusal | undefined
  /** Body bytes, without framing. */
  readonly bytesReceived: number
  readonly bytesSent: number
  /** The same with heads (of 1xx answers too) and chunk framing: what came and went on the wire, as Envoy's wire bytes. */
  readonly wireBytesReceived: number
  readonly wireBytesSent: number
  /** Milliseconds from the first byte of the request head to the end. */
  readonly durationMs: number
  /** Milliseconds from sending to the upstream until its head came; -1 without one. */
  readonly upstreamMs: number
  readonly attempts: number
}

/** Of an exchange that no engine is behind. */
export const nothingHappened: Outcome = {
  status: 0,
  end: 'done',
  refusal: undefined,
  bytesReceived: 0,
  bytesSent: 0,
  wireBytesReceived: 0,
  wireBytesSent: 0,
  durationMs: 0,
  upstreamMs: -1,
  attempts: 0,
}

/**
 * One forwarded request. The engine calls: endpoint (once an attempt), then onAnswer or onFailure, then (always, exactly once) onFinish.
 */
export interface Forwarding {
  /** Target to send, in origin form. */
  readonly target: string
  /** Host to send. */
  readonly authority: string
  /** Milliseconds for the whole answer from the moment the request is complete (Istio's timeout); 0 for none. */
  readonly timeoutMs: number
  /** The route's own retries; null leaves the engine to those that cannot hurt. With them, keepBytes is above 0. */
  readonly retries: Retries | null
  /** Body bytes to hold on to, for retries and for onRequestComplete; 0 for none. A longer body streams on and is sent once. */
  readonly keepBytes: number
  /** An endpoint for the next attempt, or undefined when there is none to try. Called once for each attempt. */
  endpoint(attempt: number): Endpoint | undefined | 'overflow'
  /** A connection attempt to it was refused or timed out: passive health. */
  onEndpointDown(endpoint: Endpoint): void
  /** The endpoint answered (any head): passive health. */
  onEndpointUp(endpoint: Endpoint): void
  /** The final head of the upstream's answer, before it is sent: change it here. */
  onAnswer(head: ResponseHead): void
  /** The same for an interim one (1xx but 101). */
  onInterim?(head: ResponseHead): void
  /** No head came and none will: say what the client is told. */
  onFailure(failure: UpstreamFailure): EdgeAnswer
  /**
   * With keepBytes, once: all of the request has come and its first attempt is made. `head` is the head as it is sent, one character a
   * byte; `body` is undefined when it was longer than keepBytes. For copies of the request.
   */
  onRequestComplete?(head: string, body: Uint8Array | undefined): void
  onFinish(outcome: Outcome): void
}

/** Asked after each attempt that could be followed by another. The request is sent again whole, from what was kept. */
export interface Retries {
  /** False: attempts without an answer are not asked about, and stay the engine's own business. */
  readonly failuresToo: boolean
  /** Milliseconds from the complete request, or the begin of a later attempt, to the head of the answer; 0 for none. */
  readonly perTryTimeoutMs: number
  /** Milliseconds to wait before the next attempt; -1: this answer goes to the client. */
  afterAnswer(head: ResponseHead): number
  /** The same for an attempt without an answer; -1: onFailure is called. */
  afterFailure(failure: UpstreamFailure): number
}

/** One request on its way. Exactly one of `answer` and `forward` is called, once, at once or in `then` of a hold. */
export interface Exchange<L = unknown> {
  readonly connection: Connection<L>
  readonly request: RequestHead
  /** Answers from the edge. `onFinish` is called when the answer is out. */
  answer(answer: EdgeAnswer, onFinish: (outcome: Outcome) => void): void
  forward(forwarding: Forwarding): void
  /**
   * Called within onAnswer: this answer may have to end early, at a place of that kind (http1/gentle-end.ts). Costs a look at each span.
   */
  watchEnds(kind: 'frames' | 'events' | 'lines'): void
  /** Ends a watched answer at the next such place: a WebSocket with 1012, a stream as if it were whole. Nothing where none is watched. */
  endGently(): void
  /** Waits so many milliseconds, reading nothing more of the body; `then` answers or forwards. `onGone`: the client left meanwhile. */
  hold(afterMs: number, then: () => void, onGone: (outcome: Outcome) => void): void
}

/** What the engine calls. */
export interface ExchangeHandler<L = unknown> {
  /** A whole, strictly valid request head is there. Must call answer, forward or hold before it returns. */
  handle(exchange: Exchange<L>): void
  /**
   * A message was refused (bad framing, limits, timeouts): make the answer. Before it became a request nobody else counts it; of a request
   * that is under way the outcome tells.
   */
  refuse(connection: Connection<L>, refusal: Refusal, underWay: boolean): EdgeAnswer
}

/** Why a message never became a request, or not a whole one. The status and EDGE_* code of each stand in edge-answers.ts. */
export type Refusal =
  | 'bad-request'
  | 'missing-host'
  /** An absolute-form target names a scheme that the connection has not. */
  | 'wrong-scheme'
  | 'request-timeout'
  | 'head-too-large'
  | 'target-too-long'
  | 'version-not-supported'
  | 'method-not-allowed'
  | 'not-implemented'
  | 'expectation-failed'
  | 'too-many-connections'
