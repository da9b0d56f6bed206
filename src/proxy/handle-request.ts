// A request's way through the edge, top to bottom: read this first. Each step is one line that names what it finds out; the facts
// gather in a ProxiedRequest, which the engine calls back when bytes move (proxied-request.ts).

import { clientAddress } from '../affinity/client-address.ts'
import { pageKind } from '../affinity/page-kind.ts'
import { pageVersion, withoutParameter } from '../affinity/page-stamp.ts'
import { seedFor } from '../affinity/pin-policy.ts'
import type { PreviewLink } from '../affinity/preview.ts'
import type { PinFinding } from '../affinity/types.ts'
import { decide, decideInternal } from '../rules/decide.ts'
import type { Release, Service } from '../rules/release.ts'
import type { Decision, RequestFacts, Visit } from '../rules/types.ts'
import type { Client } from './client.ts'
import type { Edge, EdgeListener, EdgeRelease } from './edge.ts'
import { type EdgeError, edgeErrors, previewRedirect, stalePageAnswer } from './edge-answers.ts'
import type { Exchange, RequestHead } from './exchange.ts'
import { handleMeshRequest } from './handle-mesh-request.ts'
import { spendForward } from './max-forwards.ts'
import { pageScriptAnswer } from './page-script.ts'
import { type Peer, peerOf } from './peer.ts'
import { ProxiedRequest } from './proxied-request.ts'
import { HeadFacts } from './request-facts.ts'
import type { Surroundings } from './request-context.ts'
import { normalizeTarget } from './target.ts'
import type { VisitorCookies } from './visitor-cookies.ts'

/** Decides, then answers or forwards. Whatever becomes of the request, exactly one record of it is observed. */
export function handleRequest(around: Surroundings, edge: Edge, listener: EdgeListener, exchange: Exchange): void {
  if (listener.mesh !== undefined) return handleMeshRequest(around, edge, listener, exchange)
  const request = exchange.request
  const proxied = new ProxiedRequest(around, listener, exchange)
  const peer = peerOf(exchange.connection, edge.trust)
  // Before anything can end this request: what was found of the one before holds for the next one only if it holds for this one.
  const last = peer.lastVisit(edge, request, around.nowSeconds)

  const target = normalizeTarget(request.target, edge.targetMode, request.method)
  if (!target.ok) return proxied.fail(edgeErrors.badTarget)
  proxied.target = target.target
  proxied.record.path = target.path

  if (request.authority === '' && request.has('host')) return proxied.fail(edgeErrors.badRequest)
  if (passedBefore(request, listener)) return proxied.fail(edgeErrors.loop)
  const end = spendForward(request)
  if (end !== undefined) return proxied.answer(end)

  const client = last?.client ?? clientOf(peer, request)
  proxied.cameFrom(peer, client)
  around.trace?.({ step: 'client address', outcome: whoSays(client) })
  if (!listener.mayCall(client.peer)) return proxied.fail(edgeErrors.forbidden)
  const turnedAway = listener.spec.internal ? undefined : admit(around, proxied, client)
  if (turnedAway !== undefined) return proxied.fail(turnedAway)

  const facts = new HeadFacts(
    request,
    client.scheme,
    target.path,
    target.query,
    exchange.connection.localPort,
    client.address,
    listener.spec.sourceLabels,
  )
  if (listener.spec.internal) return handleInternal(around, proxied, edge, listener, facts, client)

  const edgeRelease = last?.release ?? releaseOf(edge, request)
  if (edgeRelease === undefined) {
    around.trace?.({ step: 'release', outcome: `none has the host ${request.authority}` })
    return proxied.fail(edgeErrors.noRelease)
  }
  const { release } = edgeRelease
  proxied.belongsTo(edgeRelease)
  facts.withhold(release.spec.pin.header)
  around.trace?.({ step: 'release', outcome: `${release.name}, by host ${request.authority}` })

  const { pageScript } = edgeRelease
  const script = pageScript?.path === target.path ? pageScriptAnswer(pageScript, request) : undefined
  if (script !== undefined) return proxied.answer(script)

  const cookies = last?.cookies ?? peer.cookies(edgeRelease, request.get('cookie'), client.scheme === 'https')
  const link = target.query === '' ? undefined : openPreview(edgeRelease, target, request, cookies, around)
  if (link !== undefined) return answerPreviewLink(proxied, link, target.path, cookies)

  // Worth keeping where the same fields have come twice: they will come again.
  const same =
    last ??
    (request.repeats ? peer.visits(edge, request, client, edgeRelease, cookies, around.nowSeconds()) : undefined)
  const visit = same?.visit(target.query) ?? visitOf(request, facts, cookies, edgeRelease, around)
  same?.note(visit, target.query)
  proxied.visits(visit, cookies, same)
  takeOutStamp(proxied, facts, release.spec.pin.pageHeader)
  around.trace?.({ step: 'kind', outcome: visit.kind })
  around.trace?.({ step: 'pin', outcome: describePin(cookies.pin) })

  const decision = settleByService(decide(release, facts, visit, around.trace), release, facts)
  proxied.decided(decision)
  if (decision.action !== 'serve') return answerUnserved(proxied, edgeRelease, facts, visit, decision)

  const service = serviceOf(release, facts, decision.version)
  if (service === undefined) return proxied.fail(edgeErrors.noService)
  around.trace?.({ step: 'service', outcome: describeService(service, decision.version) })
  sendTo(proxied, edgeRelease, service, facts)
}

/** Service-to-service traffic: the service by Host, the version from the caller. No pins, no documents. */
function handleInternal(
  around: Surroundings,
  proxied: ProxiedRequest,
  edge: Edge,
  listener: EdgeListener,
  facts: HeadFacts,
  client: Client,
): void {
  const found = edge.table.serviceFor(facts.authority)
  if (found === undefined) return proxied.fail(edgeErrors.noRelease)
  const edgeRelease = edge.releases.get(found.release) as EdgeRelease
  proxied.belongsTo(edgeRelease)

  const { sourceLabels } = listener.spec
  const asked = agreed(facts.headerLines(found.release.spec.pin.header))
  if (asked === null && sourceLabels?.['version'] === undefined) return proxied.fail(edgeErrors.badRequest)
  const byAddress = (): string | undefined => edge.versionAt(found.release, client.peer)
  const decision = decideInternal(found.release, sourceLabels, asked ?? undefined, byAddress, around.trace)
  proxied.record.sourceVersion = decision.version
  proxied.decided(decision)
  if (!found.service.pools.has(decision.version)) return proxied.fail(edgeErrors.noService)
  sendTo(proxied, edgeRelease, found.service, facts)
}

/** The one version that all lines name, joined by somebody on the way or not (RFC 9110 5.3); null when they name two. */
function agreed(lines: readonly string[]): string | undefined | null {
  const [first] = lines
  if (first === undefined || (lines.length === 1 && !first.includes(','))) return first
  const [version, ...others] = lines
    .join(',')
    .split(',')
    .map((name) => name.trim())
  return others.every((other) => other === version) ? version : null
}

/** The last step: what the service does with it. */
function sendTo(proxied: ProxiedRequest, edgeRelease: EdgeRelease, service: Service, facts: RequestFacts): void {
  const pool = service.pools.get(proxied.version)
  proxied.goesTo(service, pool && edgeRelease.poolOf.get(pool), edgeRelease.actionsOf.get(service)!, facts)
}

/** Calls between services are never turned away: their page was let in. */
function admit({ admission }: Surroundings, proxied: ProxiedRequest, { address }: Client): EdgeError | undefined {
  if (admission === undefined) return undefined
  if (admission.shedding) return edgeErrors.overloaded
  if (admission.requestsPerAddress === 0) return undefined
  proxied.admitted = admission.enter(address)
  return proxied.admitted === undefined ? edgeErrors.tooManyRequests : undefined
}

/** A gateway that meets its own name in Via would send the request round for ever (RFC 9110 7.6.3). */
function passedBefore(request: RequestHead, listener: EdgeListener): boolean {
  return request.get('via')?.includes(listener.viaName) === true
}

/** Step 1 of docs/affinity.md: the socket's peer, or what trusted proxies say of the one before. */
function clientOf({ direct, trust }: Peer, request: RequestHead): Client {
  if (!direct.trusted) return direct
  const path = request.get(trust.field)
  const scheme = request.get('x-forwarded-proto')
  if (path === undefined && scheme === undefined) return direct
  const https = direct.scheme === 'https' || scheme?.toLowerCase() === 'https'
  return { ...direct, address: clientAddress(direct.peer, path, trust), scheme: https ? 'https' : 'http' }
}

function whoSays(client: Client): string {
  const { address, peer } = client
  return address === peer
    ? `${address.text}, the peer of the socket`
    : `${address.text}, said by the trusted peer ${peer.text}`
}

function describePin({ state, reading }: PinFinding): string {
  if (reading.state === 'none') return state
  const { version, epoch, history } = reading.pin
  return `${state}: ${version}, epoch ${epoch}, history ${history.join(' ')}`
}

function describeService(service: Service, version: string): string {
  const owner = service.pools.get(version)?.owner
  return owner === version ? `${service.name} of ${version}` : `${service.name}, pool of ${owner ?? 'none'}`
}

function releaseOf(edge: Edge, { authority }: RequestHead): EdgeRelease | undefined {
  const release = edge.table.releaseFor(authority)
  return release && edge.releases.get(release)
}

/** Everything of the visitor that the decision rests on (docs/affinity.md, steps 3, 4 and 6). */
function visitOf(
  request: RequestHead,
  facts: RequestFacts,
  cookies: VisitorCookies,
  release: EdgeRelease,
  around: Surroundings,
): Visit {
  const spec = release.release.spec
  const nowSeconds = around.nowSeconds()
  const identity = release.identity(facts, nowSeconds)
  const { reading } = cookies.pin
  const preview = cookies.preview(nowSeconds)
  // After a preview that has ended, what belongs to a page is told to reload; a frame of a page elsewhere has nobody to tell.
  const holdsPin = reading.state === 'held' && preview?.held !== false
  return {
    kind: pageKind(request, spec.pin.pageHeader, holdsPin, release.sharesPin),
    reading,
    pageVersion: pageVersion(request, facts.query, spec.pin, spec.page),
    identity,
    seed: seedFor(spec.name, reading, identity, around.randomBytes),
    nowSeconds,
    available: release.available,
    settling: release.settling,
    preview,
    found: request.repeats ? { rule: null } : undefined,
  }
}

/** A preview link that is visited: only page loads and HEAD may open it. */
function openPreview(
  { previews }: EdgeRelease,
  { query }: { readonly query: string },
  { method }: RequestHead,
  { secure }: VisitorCookies,
  { nowSeconds }: Surroundings,
): PreviewLink | undefined {
  if (previews === undefined || (method !== 'GET' && method !== 'HEAD')) return undefined
  return previews.openLink(query, secure, nowSeconds())
}

/** A link that holds leads to its page, with the cookie of the preview; its token goes out of the address. */
function answerPreviewLink(
  proxied: ProxiedRequest,
  { opened }: PreviewLink,
  path: string,
  { secure }: VisitorCookies,
): void {
  if (opened === undefined) return proxied.fail(edgeErrors.previewEnded)
  proxied.answer(previewRedirect(path, opened, secure))
}

/** A page's stamp in the query has been read; neither rules nor the app ever see it. */
function takeOutStamp(proxied: ProxiedRequest, facts: HeadFacts, name: string): void {
  if (facts.query === '') return
  const rest = withoutParameter(facts.query, name)
  if (rest === facts.query) return
  proxied.stampedInQuery = true
  facts.query = rest
  proxied.target = rest === '' ? facts.path : `${facts.path}?${rest}`
}

/** What a decision leaves to the service that is asked. */
function settleByService(decision: Decision, release: Release, facts: RequestFacts): Decision {
  if (decision.reason === 'preflight') return settlePreflight(decision, release, facts)
  return decision.action === 'reload' ? settleStale(decision, release, facts) : decision
}

/** A preflight for a service that stable has not comes from pages of a version that has it, which alone can answer. */
function settlePreflight(decision: Decision, release: Release, facts: RequestFacts): Decision {
  const pools = release.services.find((service) => service.matches(facts))?.pools
  if (pools === undefined || pools.has(decision.version)) return decision
  const [version = decision.version] = pools.keys()
  return { ...decision, version }
}

/** `onStale: stable` of a service is the chosen crossing: its stale subresources go to stable instead of being told to reload. */
function settleStale(decision: Decision, release: Release, facts: RequestFacts): Decision {
  const service = serviceOf(release, facts, decision.version)
  if (service?.spec.onStale !== 'stable') return decision
  return { action: 'serve', version: decision.version, reason: 'stale', rule: undefined }
}

/** What cannot be served by the version it belongs to: nobody gets another one instead. */
function answerUnserved(
  proxied: ProxiedRequest,
  edgeRelease: EdgeRelease,
  facts: RequestFacts,
  visit: Visit,
  decision: Decision,
): void {
  const service = serviceOf(edgeRelease.release, facts, decision.version)
  proxied.refusedBy(service && edgeRelease.actionsOf.get(service))
  if (decision.action === 'refuse') return proxied.fail(edgeErrors.prefetchRefused)
  if (decision.action !== 'reload') return proxied.fail(edgeErrors.versionUnavailable)
  const pinned = visit.preview?.version ?? (visit.reading.state === 'none' ? '' : visit.reading.pin.version)
  const accept = proxied.request.get('accept')
  proxied.failStale(edgeErrors.stalePage, stalePageAnswer(pinned, decision.version, accept))
}

/** Step 8 of docs/affinity.md: the first service that matches and has a pool for this version (its own or its base's). */
function serviceOf(release: Release, facts: RequestFacts, version: string): Service | undefined {
  const { services } = release
  for (let i = 0; i < services.length; i += 1) {
    const service = services[i]!
    if (service.matches(facts) && (service.pools.has(version) || needsNoPool(service))) return service
  }
  return undefined
}

function needsNoPool(service: Service): boolean {
  return service.spec.redirect !== undefined || service.spec.directResponse !== undefined
}
