// One request with its record, and what header values may ask of it; what both ways of routing build upon.

import type { Observer } from '../observe/record.ts'
import type { Step } from '../rules/types.ts'
import type { Admission } from './admission.ts'
import type { Endpoints } from './endpoints.ts'
import type { Endpoint, Exchange, RequestHead } from './exchange.ts'
import type { AnswerHead } from './field-list.ts'
import type { FormatContext } from './header-format.ts'
import type { LongConnections } from './long-connections.ts'
import type { Mirrors } from './mirrors.ts'
import { newRecord, type RecordInTheMaking } from './new-record.ts'

/** What is the same for all requests: live state beside the snapshot, clock and chance, and who listens to each step. */
export interface Surroundings {
  readonly endpoints: Endpoints
  readonly observe: Observer
  /** A connection was upgraded; its record is observed when it ends. */
  readonly onSocket?: Observer
  /** Undefined where nobody is turned away (explain). */
  readonly admission?: Admission
  /** Seconds since 1970. */
  readonly nowSeconds: () => number
  readonly randomBytes: (size: number) => Uint8Array
  /** 0 to 1, 1 excluded: for weights, percentages and back-off. */
  readonly random: () => number
  /** Undefined where nothing is sent (explain). */
  readonly mirrors: Mirrors | undefined
  /** Undefined where nothing is sent. */
  readonly longConnections?: LongConnections
  /** For explain. */
  readonly trace?: (step: Step) => void
}

export abstract class RequestContext implements FormatContext {
  readonly request: RequestHead
  readonly record: RecordInTheMaking
  /** Set while an answer is changed. */
  response: AnswerHead | undefined
  protected readonly surroundings: Surroundings
  protected readonly exchange: Exchange

  constructor(surroundings: Surroundings, exchange: Exchange, internal: boolean) {
    this.surroundings = surroundings
    this.exchange = exchange
    this.request = exchange.request
    this.record = newRecord(exchange, internal)
  }

  /** Version that header values may name; '' where there is none. */
  abstract readonly version: string
  abstract readonly target: string
  abstract readonly authority: string
  abstract readonly scheme: 'http' | 'https'
  abstract readonly upstream: Endpoint | undefined
  abstract readonly cluster: string

  /** Adds one of Envoy's response flags to the record. */
  protected flag(flag: string): void {
    const { flags } = this.record
    if (flag !== '-') this.record.flags = flags === '-' ? flag : `${flags},${flag}`
  }

  get clientAddressText(): string {
    return this.record.clientAddress
  }

  get peerAddress(): string {
    return this.exchange.connection.remoteAddress
  }

  get peerPort(): number {
    return this.exchange.connection.remotePort
  }

  get localAddress(): string {
    return this.exchange.connection.localAddress
  }

  get localPort(): number {
    return this.exchange.connection.localPort
  }

  get routeName(): string {
    return this.record.service
  }

  /** The one under way; while a request is changed for its first, that. 0 for answers of the edge's own. */
  get attempts(): number {
    return this.response === undefined ? Math.max(1, this.record.attempts) : this.record.attempts
  }

  get status(): number {
    return this.response !== undefined && this.record.edgeCode === '' && this.upstream !== undefined
      ? this.record.status
      : 0
  }

  get flags(): string {
    return this.record.flags
  }
}
