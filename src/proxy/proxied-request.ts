// One request between its decision and its end: what is asserted towards the upstream, where it goes, what is asserted towards the
// client, and the record of it. handle-request.ts makes one for each request; the engine calls it back in the order of the methods below.

import { setsCookie } from '../affinity/cookie-field.ts'
import { encodePin } from '../affinity/pin-cookie.ts'
import { endOfOtherPins, pinOut, pinToWrite, setCookieLine } from '../affinity/pin-policy.ts'
import { stampedLocation } from '../affinity/stamped-redirect.ts'
import type { Service } from '../rules/release.ts'
import type { Decision, RequestFacts, Visit } from '../rules/types.ts'
import { assertCaching, assertConditions, assertRange, forbidStoring, keepFromShared } from './cache-fields.ts'
import type { Client } from './client.ts'
import type { EdgeListener, EdgeRelease, VersionLines } from './edge.ts'
import { edgeAnswer, type EdgeError, loadedAhead } from './edge-answers.ts'
import type { PoolEndpoints } from './pool-endpoints.ts'
import type { EdgeAnswer, Exchange, Head, Outcome, ResponseHead, UpstreamFailure } from './exchange.ts'
import type { FieldLine } from './field-line.ts'
import type { AnswerHead } from './field-list.ts'
import { FieldNames } from './http1/field-names.ts'
import { forwardedHost, forwardedProto, type Peer } from './peer.ts'
import type { LastVisit } from './last-visit.ts'
import { LiveAssets } from './live-assets.ts'
import { type LongConnection, streamPlaces } from './long-connections.ts'
import type { Mirror, RouteActions } from './route-actions.ts'
import type { Surroundings } from './request-context.ts'
import { RouteExecution } from './route-execution.ts'
import { stripCookie, type VisitorCookies } from './visitor-cookies.ts'

export class ProxiedRequest extends RouteExecution {
  protected readonly tellsUpstream = false
  /** Its page named its version in the query, which upstreams never see. */
  stampedInQuery = false
  readonly #listener: EdgeListener
  #peer: Peer | undefined
  #client: Client | undefined
  #release: EdgeRelease | undefined
  #visit: Visit | undefined
  #last: LastVisit | undefined
  #cookies: VisitorCookies | undefined
  #decision: Decision | undefined
  #service: Service | undefined
  #live: LiveAssets | undefined
  #long: LongConnection | undefined

  constructor(surroundings: Surroundings, listener: EdgeListener, exchange: Exchange) {
    super(surroundings, exchange, listener.spec.internal)
    this.#listener = listener
  }

  // --- what handle-request finds out, step by step ----------------------------------------------------------------------------

  cameFrom(peer: Peer, client: Client): void {
    this.#peer = peer
    this.#client = client
    this.record.clientAddress = client.address.text
  }

  belongsTo(release: EdgeRelease): void {
    this.#release = release
    this.record.release = release.release.name
  }

  /** @param last what holds for all requests with these fields, where there are several */
  visits(visit: Visit, cookies: VisitorCookies, last: LastVisit | undefined): void {
    const { state: pinIn } = cookies.pin
    this.#last = last
    this.#visit = visit
    this.#cookies = cookies
    this.record.document = visit.kind === 'document'
    this.record.pinIn = pinIn
    this.record.pinOut = pinOut(visit.reading, undefined)
    if (pinIn === 'held') this.record.visitor = visit.seed
  }

  decided(decision: Decision): void {
    this.#decision = decision
    this.record.version = decision.version
    this.record.reason = decision.reason
    if (decision.rule !== undefined) this.record.rule = decision.rule.label
  }

  /** The last step: all that the service does, with the pool of the decided version. */
  goesTo(service: Service, pool: PoolEndpoints | undefined, actions: RouteActions, facts: RequestFacts): void {
    this.#service = service
    this.record.service = service.name
    if (pool !== undefined) this.record.poolVersion = pool.pool.owner
    const release = this.#release as EdgeRelease
    if (release.release.spec.assets?.tryLive === true && this.#visit !== undefined) {
      const { path } = facts
      this.#live = LiveAssets.for(release, service, this.request, path, this.#visit, this.#decision as Decision)
    }
    this.execute(actions, pool, facts, actions.plain ? undefined : service.matched(facts)?.uri)
  }

  // --- an answer of the edge's own ---------------------------------------------------------------------------------------------

  protected override errorAnswer(error: EdgeError): EdgeAnswer {
    return edgeAnswer(error, this.request.get('accept'))
  }

  /** Answers 409 for a page whose version is gone; `answer` says so. */
  failStale(error: EdgeError, answer: EdgeAnswer): void {
    this.record.edgeCode = error.code
    this.answer(this.changed(answer))
  }

  /** Every answer says of which version it is, where one was decided. */
  override answer(answer: EdgeAnswer): void {
    const decision = this.#decision
    const named = decision !== undefined && decision.action !== 'reload'
    super.answer(named ? { ...answer, fields: this.#named(answer.fields, decision.version) } : answer)
  }

  override onFailure(failure: UpstreamFailure): EdgeAnswer {
    const answer = super.onFailure(failure)
    return { ...answer, fields: this.#named(answer.fields, this.version) }
  }

  #named(fields: EdgeAnswer['fields'], version: string): EdgeAnswer['fields'] {
    const header = (this.#release as EdgeRelease).release.spec.pin.header
    return fields.some(([name]) => name === header) ? fields : [...fields, [header, version]]
  }

  /** The page cannot be served; `actions` are those of the service it is about: other hosts hear of it by their CORS fields. */
  refusedBy(actions: RouteActions | undefined): void {
    this.actions = actions
  }

  // --- towards the upstream ----------------------------------------------------------------------------------------------------

  /** Steps 2 and 9 of docs/affinity.md: nothing that asserts something about the client comes from the client. */
  protected override assertOnRequest(head: Head): void {
    if (
      this.#last !== undefined &&
      this.#isUnchanging() &&
      this.request.repeatChanges(this.#last.changesFor(this.version))
    )
      return
    const release = this.#release as EdgeRelease
    const pin = release.release.spec.pin
    head.removeSpellings(this.#visit === undefined ? release.versionNames : release.allVersionNames)
    if (this.#cookies === undefined) stripCookie(head, pin.cookie)
    else this.#cookies.stripOwn(head, this.#visit!.preview !== undefined)
    if (this.#visit !== undefined) assertConditions(head, this.request.method, this.version)
    const via = this.request.minorVersion === 1 ? this.#listener.via : this.#listener.via10
    if (this.#listener.spec.internal) head.appendLine(via)
    else this.#assertForwarded(head, via)
    this.changeRequest(head)
    head.appendLine(this.#lines().asserted)
    if (this.#live === undefined) return
    this.retries = this
    this.keepBytes ||= 1
  }

  /** What is asserted rests on the fields and the version alone. */
  #isUnchanging(): boolean {
    return this.actions!.plain && !this.changesRequest && this.#live === undefined
  }

  /** An asset that is missing here may be in another version of this browser; the route's own retries come first. */
  override afterAnswer(head: ResponseHead): number {
    const afterMs = super.afterAnswer(head)
    const next = afterMs < 0 ? this.#live?.after(head) : undefined
    if (next === undefined) return afterMs
    this.decided(next.decision)
    this.record.poolVersion = next.pool.pool.owner
    this.turnTo(next.pool)
    for (const name of conditions) this.request.remove(name)
    if (this.request.has('if-range')) assertRange(this.request, undefined)
    this.request.set((this.#release as EdgeRelease).release.spec.pin.header, this.version)
    return 0
  }

  /** Of the version that it goes to: what that backend calls on its own must not be of another. */
  protected override mirrorHead(head: string, { version }: Mirror): string {
    if (version === undefined) return head
    const name = this.#release!.release.spec.pin.header
    return head.replace(`\r\n${name}: ${this.version}\r\n`, () => `\r\n${name}: ${version}\r\n`)
  }

  #assertForwarded(head: Head, via: FieldLine): void {
    const client = this.#client as Client
    const { peer, trusted, scheme, forwardedFor } = client
    const path = trusted ? head.get('x-forwarded-for') : undefined
    const namesHost = trusted && head.has('x-forwarded-host')
    head.removeSpellings(allClaims)
    // What a trusted proxy says stays, but not what came through it under a name that backends take for the same.
    if (trusted) for (const name of proxyClaims) for (const value of head.lines(name)) head.append(name, value)
    const { authority } = this.request
    // Most requests: nobody else has a say in it.
    const alone = client === this.#peer?.direct && path === undefined && !namesHost && !this.changesRequest
    const block = alone ? this.#peer?.forwarded(authority, via) : undefined
    if (block !== undefined) return head.appendBlock(block)
    if (path === undefined || path === '') head.appendLine(forwardedFor)
    else head.append('x-forwarded-for', `${path}, ${peer.text}`)
    head.appendLine(forwardedProto[scheme])
    if (!namesHost) head.appendLine(forwardedHost(authority))
    head.appendLine(via)
  }

  // --- towards the client ------------------------------------------------------------------------------------------------------

  /**
   * What a backend says of versions here would come before what we say. And what a browser is told to load early (RFC 8297) it asks for
   * with the pin it has: none, or that of the version it is about to leave.
   */
  onInterim(head: ResponseHead): void {
    head.removeSpellings(this.#release!.versionNames)
    if (this.#visit === undefined || this.#decision?.reason === 'preview') return
    const { reading } = this.#visit
    if (reading.state !== 'held' || reading.pin.version !== this.version) head.remove('link')
  }

  override onAnswer(head: ResponseHead): void {
    super.onAnswer(head)
    if (this.#visit === undefined) return
    const places = head.status === 101 ? 'frames' : streamPlaces(head.get('content-type'))
    if (places !== undefined) this.#lasts(places)
  }

  /** It may last long after its page was loaded: counted, and ended after a switch where the service says so. */
  #lasts(places: 'frames' | 'events' | 'lines'): void {
    const { spec, name: service } = this.#service as Service
    const closeWithinMs = spec.onSwitch?.closeWithinMs
    const kind = places === 'frames' ? 'websocket' : 'stream'
    const { release } = this.#release as EdgeRelease
    const end = (): void => this.exchange.endGently()
    this.#long = { release, service, version: this.version, kind, closeWithinMs, end }
    this.surroundings.longConnections?.add(this.#long)
    if (closeWithinMs !== undefined) this.exchange.watchEnds(places)
  }

  override onFinish(outcome: Outcome): void {
    if (this.#long !== undefined) this.surroundings.longConnections?.remove(this.#long)
    super.onFinish(outcome)
  }

  /**
   * Steps 2, 9 and 10 of docs/affinity.md: the version that was decided, the pin where it is due, and what caches may do; a backend says
   * neither.
   */
  protected override assertOnAnswer(head: AnswerHead): void {
    const release = this.#release as EdgeRelease
    const spec = release.release.spec.pin
    if (head.get('set-cookie') !== undefined) takeOutOurs(head, release)
    // It would lead browsers past the edge, pin and all (RFC 7838): what names the backend's own ways is no word of the site.
    head.remove('alt-svc')
    this.changeAnswer(head)
    const { asserted, timing } = this.#lines()
    head.setLine(asserted)
    const visit = this.#visit
    if (visit === undefined) return
    if (this.#decision?.reason !== 'preview') this.#promise(release, visit, head)
    if (this.stampedInQuery) this.#leadOn(release, visit, head)
    assertCaching(head, {
      request: this.request,
      visit,
      path: this.record.path,
      status: this.record.status,
      version: this.version,
      several: release.several,
      trust: this.#service?.spec.cache === 'trust',
      pageHeader: spec.pageHeader,
      varies: release.varies,
      timing,
    })
    if (visit.preview !== undefined) this.#settlePreview(release, visit, head)
  }

  /** What is looked at in a preview must not turn up later, and one that is over ends with the next page. */
  #settlePreview(release: EdgeRelease, visit: Visit, head: AnswerHead): void {
    if (this.#decision?.reason === 'preview') forbidStoring(head)
    else if (visit.kind === 'document') {
      head.append('set-cookie', release.previews!.end(this.#cookies!.secure))
      this.#forgetLoadedAhead(head)
    }
  }

  #promise(release: EdgeRelease, visit: Visit, head: AnswerHead): void {
    const spec = release.release.spec
    const cookies = this.#cookies as VisitorCookies
    const pin = pinToWrite({
      release: spec,
      visit,
      decision: this.#decision as Decision,
      pinIn: this.record.pinIn,
      pinMoved: cookies.pin.moved === true,
      request: this.request,
      status: this.record.status,
      head,
      nowSeconds: this.surroundings.nowSeconds(),
    })
    this.record.pinOut = pinOut(visit.reading, pin)
    if (pin === undefined) return
    keepFromShared(head)
    this.record.visitor = pin.seed
    const value = encodePin(spec.name, pin, release.keyRing.signing)
    const { request } = this
    for (const line of endOfOtherPins(spec.pin, cookies.secure, cookies.pin.state, request))
      head.append('set-cookie', line)
    head.append('set-cookie', setCookieLine(spec.pin, value, cookies.secure, request))
    const { reading } = visit
    if (reading.state === 'none') return
    if (reading.pin.version !== pin.version || reading.pin.epoch !== pin.epoch) this.#forgetLoadedAhead(head)
  }

  /** A redirect takes the stamp along, unless it is not believed. */
  #leadOn({ release }: EdgeRelease, visit: Visit, head: AnswerHead): void {
    if (visit.kind !== 'subresource' || visit.pageVersion !== this.version) return
    const location = stampedLocation({
      method: this.request.method,
      status: this.record.status,
      location: head.get('location'),
      origin: `${this.scheme}://${this.request.authority}`,
      origins: release.spec.page?.origins ?? [],
      name: release.spec.pin.pageHeader,
      version: this.version,
    })
    if (location !== undefined) head.set('location', location)
  }

  #forgetLoadedAhead(head: AnswerHead): void {
    if (this.#cookies?.secure === true) head.append('clear-site-data', loadedAhead)
  }

  // --- what header values may ask for ------------------------------------------------------------------------------------------

  get version(): string {
    return this.#decision?.version ?? ''
  }

  #lines(): VersionLines {
    return this.#release!.linesOf.get(this.version)!
  }

  get scheme(): 'http' | 'https' {
    return this.#client?.scheme ?? 'http'
  }

  protected get listenerPort(): number {
    return this.#listener.spec.port || this.localPort
  }
}

/** No backend gives pins or takes them, nor previews. */
function takeOutOurs(head: AnswerHead, { release, previews }: EdgeRelease): void {
  const { cookie } = release.spec.pin
  head.removeLines(
    'set-cookie',
    (line) => setsCookie(line, cookie) || (previews !== undefined && setsCookie(line, previews.cookie)),
  )
}

/** What the browser holds is of the version that was asked first. */
const conditions = ['if-none-match', 'if-modified-since']
/** Claims that a trusted proxy may make, but nobody else. */
const proxyClaims = [
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-server',
  'x-forwarded-ssl',
]
/** And those that are rebuilt or dropped whoever sends them. */
const allClaims = new FieldNames(['x-forwarded-for', 'x-forwarded-proto', 'forwarded', 'x-real-ip', ...proxyClaims])
