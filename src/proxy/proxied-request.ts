// One request between its decision and its end: what is asserted towards the upstream, where it goes, what is asserted towards the
// client, and the record of it. handle-request.ts makes one for each request; the engine calls it back in the order of the methods below.

import { setsCookie, withoutCookie } from '../affinity/cookie-field.ts'
import { isTrustedPeer } from '../affinity/client-address.ts'
import { encodePin } from '../affinity/pin-cookie.ts'
import { type AnswerToPin, pinOut, pinToWrite, setCookieLine } from '../affinity/pin-policy.ts'
import type { Observer, RequestRecord } from '../observe/record.ts'
import type { Address, Decision, Service, Visit } from '../rules/types.ts'
import type { Edge, EdgeListener, EdgeRelease } from './edge.ts'
import { edgeAnswer, type EdgeError, errorOfFailure } from './edge-answers.ts'
import type { EndpointState, Endpoints, PoolEndpoints } from './endpoints.ts'
import type {
  EdgeAnswer,
  Endpoint,
  Exchange,
  Forwarding,
  Head,
  Outcome,
  ResponseHead,
  Retries,
  UpstreamFailure,
} from './exchange.ts'
import { assertCaching, assertConditions, type CacheFields } from './cache-fields.ts'
import { applyHeaderOperations, type FormatContext } from './header-format.ts'
import type { ServiceActions } from './service-actions.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** What is the same for all requests: live state beside the snapshot, clock and chance. */
export interface Surroundings {
  readonly endpoints: Endpoints
  readonly observe: Observer
  readonly nowSeconds: () => number
}

/** Who sends the request, as far as we believe it. */
export interface Client {
  readonly peer: Address
  readonly address: Address
  readonly scheme: 'http' | 'https'
}

export class ProxiedRequest implements Forwarding, FormatContext {
  readonly request
  readonly record: Mutable<RequestRecord>
  target = ''
  authority: string
  timeoutMs = 0
  retries: Retries | null = null
  keepBytes = 0
  readonly #surroundings: Surroundings
  readonly #edge: Edge
  readonly #listener: EdgeListener
  readonly #exchange: Exchange
  #client: Client | undefined
  #release: EdgeRelease | undefined
  #visit: Visit | undefined
  #decision: Decision | undefined
  #service: Service | undefined
  #actions: ServiceActions | undefined
  #pool: PoolEndpoints | undefined
  #endpoint: EndpointState | undefined
  #tried: EndpointState[] | undefined

  constructor(surroundings: Surroundings, edge: Edge, listener: EdgeListener, exchange: Exchange) {
    this.#surroundings = surroundings
    this.#edge = edge
    this.#listener = listener
    this.#exchange = exchange
    this.request = exchange.request
    this.authority = exchange.request.authority
    this.record = newRecord(exchange, listener.spec.internal)
  }

  // --- what handle-request finds out, step by step ----------------------------------------------------------------------------

  cameFrom(client: Client): void {
    this.#client = client
    this.record.clientAddress = client.address.text
  }

  belongsTo(release: EdgeRelease): void {
    this.#release = release
    this.record.release = release.release.name
  }

  visits(visit: Visit, pinIn: AnswerToPin['pinIn']): void {
    this.#visit = visit
    this.record.document = visit.kind === 'document'
    this.record.pinIn = pinIn
    this.record.pinOut = pinOut(visit.reading, undefined)
  }

  decided(decision: Decision): void {
    this.#decision = decision
    this.record.version = decision.version
    this.record.reason = decision.reason
    if (decision.rule !== undefined) this.record.rule = decision.rule.label
  }

  goesTo(service: Service, pool: PoolEndpoints | undefined, actions: ServiceActions): void {
    this.#service = service
    this.record.service = service.name
    this.#actions = actions
    this.timeoutMs = actions.timeoutMs
    if (pool === undefined) return
    this.#pool = pool
    this.record.poolVersion = pool.pool.owner
  }

  // --- an answer of the edge's own ---------------------------------------------------------------------------------------------

  /** Answers with an error of the table. */
  fail(error: EdgeError): void {
    this.record.edgeCode = error.code
    this.record.flags = error.flag
    this.#answer(edgeAnswer(error, this.request.get('accept')))
  }

  /** Answers 409 for a page whose version is gone; `answer` says so. */
  failStale(error: EdgeError, answer: EdgeAnswer): void {
    this.record.edgeCode = error.code
    this.#answer(answer)
  }

  /** Answers with something of the edge's own that belongs to no version. */
  answer(answer: EdgeAnswer): void {
    this.#answer(answer)
  }

  /** Answers what the configuration says (redirect, directResponse): a visit like any other, pin and all. */
  answerAsConfigured(answer: EdgeAnswer): void {
    const head = new FieldList(answer.fields)
    this.#assertOnAnswer(head, answer.status)
    this.#answer({ ...answer, fields: head.fields })
  }

  #answer(answer: EdgeAnswer): void {
    const decision = this.#decision
    const named =
      decision !== undefined &&
      decision.action !== 'reload' &&
      !answer.fields.some(([name]) => name === this.#versionHeader)
    const fields = named ? [...answer.fields, [this.#versionHeader, decision.version] as const] : answer.fields
    this.#exchange.answer({ ...answer, fields }, (outcome) => this.onFinish(outcome))
  }

  // --- towards the upstream ----------------------------------------------------------------------------------------------------

  forward(): void {
    this.#assertOnRequest(this.request)
    this.#exchange.forward(this)
  }

  /** Design 4.2 and 4.9: nothing that asserts something about the client comes from the client. */
  #assertOnRequest(head: Head): void {
    const release = this.#release as EdgeRelease
    const pin = release.release.spec.pin
    head.removeSpellings(pin.header)
    this.#stripPinCookie(head, pin.cookie)
    if (release.several && this.#visit !== undefined) assertConditions(head, this.request.method, this.version)
    if (!this.#listener.spec.internal) this.#assertForwarded(head)
    head.append(
      'via',
      this.request.minorVersion === 1 ? `1.1 ${this.#listener.viaName}` : `1.0 ${this.#listener.viaName}`,
    )
    if (this.#actions?.requestHeaders !== undefined) applyHeaderOperations(this.#actions.requestHeaders, head, this)
    head.append(pin.header, this.version)
  }

  #stripPinCookie(head: Head, name: string): void {
    const field = head.get('cookie')
    if (field === undefined || !field.includes(name)) return
    const rest = withoutCookie(field, name)
    if (rest === field) return
    if (rest === undefined) head.remove('cookie')
    else head.set('cookie', rest)
  }

  #assertForwarded(head: Head): void {
    const client = this.#client as Client
    const trusted = isTrustedPeer(client.peer, this.#edge.trust)
    const path = trusted ? head.get('x-forwarded-for') : undefined
    for (const name of clientClaims) head.removeSpellings(name)
    if (!trusted) for (const name of proxyClaims) head.removeSpellings(name)
    head.set('x-forwarded-for', path === undefined || path === '' ? client.peer.text : `${path}, ${client.peer.text}`)
    head.set('x-forwarded-proto', client.scheme)
    if (!trusted || !head.has('x-forwarded-host')) head.set('x-forwarded-host', this.request.authority)
  }

  /** Called by the engine for each attempt. */
  endpoint(attempt: number): Endpoint | undefined {
    this.record.attempts = attempt
    const before = this.#endpoint
    if (before !== undefined) {
      before.inFlight--
      this.#tried = this.#tried === undefined ? [before] : [...this.#tried, before]
    }
    const next = this.#pool?.pick(this.#tried)
    this.#endpoint = next
    if (next === undefined) return undefined
    next.inFlight++
    this.record.endpoint = next.key
    return next
  }

  onEndpointDown(endpoint: Endpoint): void {
    this.#surroundings.endpoints.markDown(endpoint)
  }

  onEndpointUp(endpoint: Endpoint): void {
    this.#surroundings.endpoints.markUp(endpoint)
  }

  // --- towards the client ------------------------------------------------------------------------------------------------------

  onAnswer(head: ResponseHead): void {
    this.record.servedVersion = head.get('x-served-version')
    this.#assertOnAnswer(head, head.status)
  }

  /** Design 4.2, 4.9 and 4.10: the version that was decided, the pin where it is due, and what caches may do; a backend says neither. */
  #assertOnAnswer(head: CacheFields & Pick<Head, 'removeLines'>, status: number): void {
    const release = this.#release as EdgeRelease
    const spec = release.release.spec.pin
    if (head.get('set-cookie') !== undefined) head.removeLines('set-cookie', (line) => setsCookie(line, spec.cookie))
    if (this.#actions?.responseHeaders !== undefined) {
      applyHeaderOperations(this.#actions.responseHeaders, head as Head, this)
    }
    head.set(spec.header, this.version)
    const visit = this.#visit
    if (visit === undefined) return
    this.#promise(release, visit, head)
    assertCaching(head, {
      request: this.request,
      visit,
      path: this.record.path,
      status,
      version: this.version,
      several: release.several,
      trust: this.#service?.spec.cache === 'trust',
      pageHeader: spec.pageHeader,
    })
  }

  #promise(release: EdgeRelease, visit: Visit, head: Pick<Head, 'get' | 'append'>): void {
    const spec = release.release.spec
    const pin = pinToWrite({
      release: spec,
      visit,
      decision: this.#decision as Decision,
      pinIn: this.record.pinIn,
      request: this.request,
      contentType: head.get('content-type'),
      nowSeconds: this.#surroundings.nowSeconds(),
    })
    this.record.pinOut = pinOut(visit.reading, pin)
    if (pin === undefined) return
    const value = encodePin(spec.name, pin, release.keyRing.signing)
    head.append('set-cookie', setCookieLine(spec.pin, value, this.scheme === 'https'))
  }

  onFailure(failure: UpstreamFailure): EdgeAnswer {
    const error = errorOfFailure(failure)
    this.record.edgeCode = error.code
    this.record.flags = error.flag
    const answer = edgeAnswer(error, this.request.get('accept'))
    return { ...answer, fields: [...answer.fields, [this.#versionHeader, this.version]] }
  }

  onFinish(outcome: Outcome): void {
    if (this.#endpoint !== undefined) this.#endpoint.inFlight--
    this.#endpoint = undefined
    const record = this.record
    record.status = outcome.status
    record.bytesReceived = outcome.bytesReceived
    record.bytesSent = outcome.bytesSent
    record.durationMs = outcome.durationMs
    record.upstreamMs = outcome.upstreamMs
    if (outcome.end === 'client-gone') record.flags = 'DC'
    else if (outcome.end === 'truncated') record.flags = 'UC'
    this.#surroundings.observe(record)
  }

  // --- FormatContext: what header values may ask for ---------------------------------------------------------------------------

  get version(): string {
    return this.#decision?.version ?? ''
  }

  get clientAddressText(): string {
    return this.record.clientAddress
  }

  get scheme(): 'http' | 'https' {
    return this.#client?.scheme ?? 'http'
  }

  get #versionHeader(): string {
    return this.#release?.release.spec.pin.header ?? 'x-version'
  }
}

/** Claims that are rebuilt or dropped whoever sends them. */
const clientClaims = ['x-forwarded-for', 'x-forwarded-proto', 'forwarded', 'x-real-ip']
/** Claims that a trusted proxy may make and nobody else. */
const proxyClaims = [
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-server',
  'x-forwarded-ssl',
]

/** The fields of an answer that the edge composes, with the part of Head that asserting needs. */
class FieldList {
  fields: (readonly [name: string, value: string])[]

  constructor(fields: EdgeAnswer['fields']) {
    this.fields = [...fields]
  }

  get(name: string): string | undefined {
    return this.fields.find((field) => field[0] === name)?.[1]
  }

  remove(name: string): void {
    this.fields = this.fields.filter((field) => field[0] !== name)
  }

  removeLines(name: string, test: (value: string) => boolean): void {
    this.fields = this.fields.filter((field) => field[0] !== name || !test(field[1]))
  }

  set(name: string, value: string): void {
    this.remove(name)
    this.append(name, value)
  }

  append(name: string, value: string): void {
    this.fields.push([name, value])
  }
}

function newRecord(exchange: Exchange, internal: boolean): Mutable<RequestRecord> {
  const request = exchange.request
  return {
    internal,
    release: '',
    service: '',
    version: '',
    poolVersion: '',
    servedVersion: undefined,
    reason: '',
    rule: '',
    document: false,
    pinIn: 'none',
    pinOut: 'none',
    sourceVersion: '',
    method: request.method,
    path: '',
    authority: request.authority,
    clientAddress: exchange.connection.remoteAddress,
    protocol: request.minorVersion === 1 ? 'HTTP/1.1' : 'HTTP/1.0',
    status: 0,
    edgeCode: '',
    flags: '-',
    endpoint: '',
    attempts: 0,
    bytesReceived: 0,
    bytesSent: 0,
    durationMs: 0,
    upstreamMs: -1,
  }
}
