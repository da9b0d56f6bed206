// A request's way through the routes of Istio's manifests, top to bottom, in the order of Envoy: codec, path, fields, virtual host, route.
// The counterpart of handle-request.ts; what a route does is route-execution.ts for both.

import { clientAddress, type Trust } from '../affinity/client-address.ts'
import type { Address } from '../rules/types.ts'
import type { Edge, EdgeListener } from './edge.ts'
import { edgeErrors } from './edge-answers.ts'
import type { Exchange, RequestHead } from './exchange.ts'
import { codecAnswer, emptyAnswer } from './mesh-answers.ts'
import { identify, joined, joinSingleLines, keepPassed, removeSteering } from './mesh-fields.ts'
import { MeshFacts } from './mesh-facts.ts'
import { MeshRequest } from './mesh-request.ts'
import { peerOf } from './peer.ts'
import type { Surroundings } from './request-context.ts'
import { normalizeTarget } from './target.ts'

export function handleMeshRequest(around: Surroundings, edge: Edge, listener: EdgeListener, exchange: Exchange): void {
  const { request } = exchange
  const { virtualHostFor, spec } = listener.mesh!
  const mesh = edge.mesh!
  const { pathNormalization, trustedHops, repeatedHeaders } = mesh.table.spec
  const meshRequest = new MeshRequest(around, listener, exchange)

  const unreadable = codecRefusal(request)
  if (unreadable !== undefined) return meshRequest.refuse(codecAnswer(unreadable), edgeErrors.badRequest)

  const target = normalizeTarget(request.target, pathNormalization, request.method)
  if (!target.ok) {
    const answer = isPrintable(request.target) ? emptyAnswer(400) : codecAnswer(400)
    return meshRequest.refuse(answer, edgeErrors.badTarget)
  }
  meshRequest.target = target.target
  meshRequest.record.path = target.path

  const { peer } = peerOf(exchange.connection, edge.trust).direct
  if (!listener.mayCall(peer)) return meshRequest.refuse(codecAnswer(403), edgeErrors.forbidden)
  const atEdge = spec.kind === 'gateway'
  const client = atEdge ? clientOf(request, peer, trustedHops) : callerOf(request, peer)
  meshRequest.record.clientAddress = client.text
  around.trace?.({ step: 'client address', outcome: client.text })

  joinSingleLines(request)
  removeSteering(request, atEdge)
  keepPassed(request)
  if (atEdge) nameClient(request, peer, client)
  const proto = assertProto(request, atEdge && trustedHops === 0, exchange.connection.encrypted)
  meshRequest.scheme = schemeOf(proto, exchange.connection.encrypted)
  identify(request, atEdge)

  const host = virtualHostFor(request.authority)
  // A target that is no path (OPTIONS *) lies under no prefix.
  if (host === undefined || target.path.charCodeAt(0) !== 47) {
    const unknown = atEdge || host !== undefined
    return meshRequest.refuse(emptyAnswer(unknown ? 404 : 502), unknown ? edgeErrors.noRelease : edgeErrors.passthrough)
  }
  around.trace?.({ step: 'virtual host', outcome: host.spec.domains.join(', ') })
  if (host.spec.httpsRedirect && proto !== 'https') {
    const location = `https://${request.authority}${target.target}`
    return meshRequest.answer({ status: 301, fields: [['location', location]], body: '' })
  }

  const joins = repeatedHeaders === 'joined'
  const facts = new MeshFacts(request, target, meshRequest.scheme, spec.port, client, joins)
  const route = host.firstRoute(facts)
  if (route === undefined) return meshRequest.refuse(emptyAnswer(404), edgeErrors.noService)
  around.trace?.({ step: 'route', outcome: describeRoute(route.spec.name, route.spec.origin, route.spec.place.line) })
  meshRequest.goesTo(route, mesh.routes.get(route.spec.route)!, facts)
}

// --- codec -----------------------------------------------------------------------------------------------------------------------------

/** Methods that Envoy's parser takes (Balsa). */
const methods: ReadonlySet<string> = new Set(
  (
    'ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MOVE MSEARCH M-SEARCH NOTIFY OPTIONS ' +
    'PATCH POST PROPFIND PROPPATCH PURGE PUT REBIND REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE'
  ).split(' '),
)

function codecRefusal(request: RequestHead): number | undefined {
  if (!methods.has(request.method)) return 400
  return request.minorVersion === 0 ? 426 : undefined
}

/** Bytes that Envoy's parser takes in a target. */
function isPrintable(target: string): boolean {
  for (let i = 0; i < target.length; i++) {
    const code = target.charCodeAt(i)
    if (code <= 32 || code >= 127) return false
  }
  return true
}

// --- who asks --------------------------------------------------------------------------------------------------------------------------

/** At the gateway: the peer, or the n-th entry of X-Forwarded-For from the right (Istio's numTrustedProxies). */
function clientOf(request: RequestHead, peer: Address, hops: number): Address {
  return hops === 0 ? peer : clientAddress(peer, joined(request, 'x-forwarded-for'), { ...believing, hops })
}

/** In a sidecar, which is not the edge: what the last hop said (Envoy without use_remote_address). */
function callerOf(request: RequestHead, peer: Address): Address {
  if (!request.has('x-forwarded-for')) return peer
  return clientAddress(peer, joined(request, 'x-forwarded-for'), { ...believing, hops: 1 })
}

const believing: Omit<Trust, 'hops'> = { field: 'x-forwarded-for', fieldIsOneAddress: false, isProxy: () => false }

/** The peer is appended before anything is matched: an exact match on X-Forwarded-For fits only who sent none. */
function nameClient(request: RequestHead, peer: Address, client: Address): void {
  const before = joined(request, 'x-forwarded-for')
  request.set('x-forwarded-for', before === '' ? peer.text : `${before},${peer.text}`)
  request.set('x-envoy-external-address', client.text)
}

/** What X-Forwarded-Proto says from here on. */
function assertProto(request: RequestHead, overwrites: boolean, encrypted: boolean): string {
  const came = overwrites ? '' : joined(request, 'x-forwarded-proto')
  if (came !== '') return came
  const proto = encrypted ? 'https' : 'http'
  request.set('x-forwarded-proto', proto)
  return proto
}

function schemeOf(proto: string, encrypted: boolean): 'http' | 'https' {
  const lower = proto.toLowerCase()
  if (lower === 'http' || lower === 'https') return lower
  return encrypted ? 'https' : 'http'
}

function describeRoute(name: string, origin: string, line: number): string {
  return name === '' ? `${origin}, line ${line}` : `${name} of ${origin}, line ${line}`
}
