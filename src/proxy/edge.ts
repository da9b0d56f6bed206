// What one request holds on to: an immutable compilation of one configuration. A reload makes a new Edge and swaps it by one
// assignment; requests under way finish on the one they began with. Health and in-flight counts live outside (endpoints.ts).

import { compileTrust, type Trust } from '../affinity/client-address.ts'
import { compileIdentity, type ReadIdentity } from '../affinity/identity.ts'
import type { KeyRing } from '../affinity/key-ring.ts'
import type { SharesPin } from '../affinity/page-frame.ts'
import { createPinReader, type PinReader } from '../affinity/pin-cookie.ts'
import { createPreviewReader, type PreviewReader } from '../affinity/preview.ts'
import type { TrustSpec } from '../affinity/types.ts'
import { compileCidrs, parseAddress } from '../rules/address.ts'
import type { MeshListener, MeshTable } from '../rules/mesh-table.ts'
import type { MeshListenerSpec } from '../rules/mesh-types.ts'
import type { Release, RouteTable, Service } from '../rules/release.ts'
import type { Address, Place, Pool, Settling } from '../rules/types.ts'
import type { Endpoints } from './endpoints.ts'
import { PoolEndpoints } from './pool-endpoints.ts'
import { compilePageScript, type PageScript } from './page-script.ts'
import { compileRouteActions, type RouteActions } from './route-actions.ts'
import { compileMeshEdge, type MeshEdge } from './mesh-edge.ts'
import { FieldLine } from './field-line.ts'
import { FieldNames } from './http1/field-names.ts'
import type { TargetMode } from './target.ts'
import { type ServerCertificate, type TlsSurroundings, TlsTermination } from './tls/termination.ts'

/** A listener as configured. `name` is unique in a configuration and stays the same over reloads. */
export interface ListenerSpec {
  readonly name: string
  readonly port: number
  readonly address: string
  readonly internal: boolean
  /** CIDRs that may use an internal listener; empty for anybody who reaches it. */
  readonly from: readonly string[]
  readonly sourceLabels: Readonly<Record<string, string>> | undefined
  /** Empty: plain HTTP. */
  readonly tls: readonly ServerCertificate[]
  readonly mesh?: MeshListenerSpec
  /** Where it is written. */
  readonly place?: Place
}

export interface EdgeListener {
  readonly spec: ListenerSpec
  /** The routes of Istio's manifests for this port; undefined where releases of routes.yaml are served. */
  readonly mesh?: MeshListener | undefined
  readonly mayCall: (address: Address) => boolean
  readonly viaName: string
  /** The Via line to add, for requests of HTTP/1.1 and of 1.0. */
  readonly via: FieldLine
  readonly via10: FieldLine
  /** Undefined on plain HTTP. */
  readonly termination: TlsTermination | undefined
}

export interface EdgeRelease {
  readonly release: Release
  readonly pins: PinReader
  /** Undefined without configured keys: nobody could have signed a link. */
  readonly previews: PreviewReader | undefined
  /** Which hosts have the same pin; undefined without `pin.domain`. */
  readonly sharesPin: SharesPin | undefined
  readonly identity: ReadIdentity
  readonly keyRing: KeyRing
  readonly poolOf: ReadonlyMap<Pool, PoolEndpoints>
  readonly actionsOf: ReadonlyMap<Service, RouteActions>
  /** More than one version is listed: one URL means several builds. */
  readonly several: boolean
  /** The script of `graylane/page`, when it is served. */
  readonly pageScript: PageScript | undefined
  /** The header by which a version is asserted, in every spelling. */
  readonly versionNames: FieldNames
  /** Those of all releases: none comes in from outside, or a backend that hands fields on would let clients choose for another release. */
  readonly allVersionNames: FieldNames
  readonly linesOf: ReadonlyMap<string, VersionLines>
  /** What decides which version answers, as caches are told: the pin, and what the page names. */
  readonly varies: FieldLine
  /** Whether every pool of the version is available. */
  readonly available: (version: string) => boolean
  readonly settling: Settling | undefined
}

/** What is said of a version. */
export interface VersionLines {
  /** To upstreams and clients. */
  readonly asserted: FieldLine
  /** To the page, whose scripts can read this field of its own answer and no other. */
  readonly timing: FieldLine
}

export interface Edge {
  readonly id: string
  readonly table: RouteTable
  readonly trust: Trust
  readonly targetMode: TargetMode
  /** Undefined without Istio's manifests. */
  readonly mesh: MeshEdge | undefined
  /** By name. */
  readonly listeners: ReadonlyMap<string, EdgeListener>
  readonly releases: ReadonlyMap<Release, EdgeRelease>
  readonly pools: readonly PoolEndpoints[]
  /** The one version that owns an endpoint at this address, for internal callers; undefined for none or several. */
  readonly versionAt: (release: Release, address: Address) => string | undefined
}

export interface EdgeSource {
  readonly id: string
  readonly table: RouteTable
  readonly trust: TrustSpec
  readonly targetMode: TargetMode
  readonly mesh?: MeshTable | undefined
  readonly listeners: readonly ListenerSpec[]
  readonly keysOf: (release: string) => KeyRing
  readonly settlingOf: (release: Release) => Settling | undefined
  readonly endpoints: Endpoints
  /** Verified pins to remember for each release; default 20,000. */
  readonly pinsRemembered?: number | undefined
  /** Names this gateway in Via; the same for all its workers, unlike any other gateway's. */
  readonly instance: string
  /** Undefined where no connections are taken. */
  readonly tls: TlsSurroundings | undefined
}

/** Meets the last requests of a listener that a reload took away: nobody may call it any more. */
export const closedListener: EdgeListener = {
  spec: { name: '', port: 0, address: '', internal: false, from: [], sourceLabels: undefined, tls: [] },
  mesh: undefined,
  mayCall: () => false,
  viaName: 'graylane-closed',
  via: FieldLine.lasting('via', '1.1 graylane-closed'),
  via10: FieldLine.lasting('via', '1.0 graylane-closed'),
  termination: undefined,
}

/** Throws on a header value or a certificate that cannot be compiled: such a configuration is refused as a whole. */
export function compileEdge(source: EdgeSource): Edge {
  const mesh = source.mesh && compileMeshEdge(source.mesh, source.endpoints)
  const headers = new Set(source.table.releases.map(({ spec }) => spec.pin.header))
  const allVersionNames = new FieldNames([...headers])
  const releases = new Map(
    source.table.releases.map((release) => [release, compileRelease(release, source, allVersionNames)]),
  )
  return Object.freeze({
    id: source.id,
    table: source.table,
    trust: compileTrust(source.trust),
    targetMode: source.targetMode,
    mesh,
    listeners: new Map(source.listeners.map((spec) => [spec.name, compileListener(spec, source)])),
    releases,
    pools: [...[...releases.values()].flatMap((release) => [...release.poolOf.values()]), ...(mesh?.pools ?? [])],
    versionAt: (release: Release, address: Address) => versionAt(releases.get(release), address),
  })
}

function compileListener(spec: ListenerSpec, { instance, tls, mesh }: EdgeSource): EdgeListener {
  // A name a listener: a backend that calls back through the internal listener with its caller's fields is no loop.
  const viaName = `graylane-${instance}-${spec.name}`
  return {
    spec,
    mesh: spec.mesh && mesh?.listeners.get(spec.mesh),
    mayCall: spec.from.length === 0 ? () => true : compileCidrs(spec.from),
    viaName,
    via: FieldLine.lasting('via', `1.1 ${viaName}`),
    via10: FieldLine.lasting('via', `1.0 ${viaName}`),
    termination: tls === undefined || spec.tls.length === 0 ? undefined : new TlsTermination(spec.tls, tls),
  }
}

function compileRelease(release: Release, source: EdgeSource, allVersionNames: FieldNames): EdgeRelease {
  const keyRing = source.keysOf(release.name)
  const { header, pageHeader } = release.spec.pin
  const pageHeaders = [pageHeader, ...(release.spec.page?.headers ?? [])]
  const poolOf = new Map<Pool, PoolEndpoints>()
  const endpointsOf = (pool: Pool): PoolEndpoints => poolOf.get(pool)!
  for (const pools of release.poolsOf.values()) {
    for (const pool of pools) if (!poolOf.has(pool)) poolOf.set(pool, new PoolEndpoints(pool, source.endpoints))
  }
  return {
    release,
    pins: createPinReader(release.spec, keyRing, source.pinsRemembered),
    previews: keyRing.random ? undefined : createPreviewReader(release.spec, keyRing),
    sharesPin: sharesPinOf(release, source.table),
    identity: compileIdentity(release.spec),
    keyRing,
    poolOf,
    several: release.spec.versions.size > 1,
    pageScript: compilePageScript(release.spec),
    actionsOf: new Map(release.services.map((service) => [service, compileRouteActions(service.actions, endpointsOf)])),
    versionNames: new FieldNames([header]),
    allVersionNames,
    linesOf: new Map(Array.from(release.spec.versions.keys(), (name) => [name, linesOf(header, name)])),
    varies: FieldLine.lasting('vary', ['Cookie', ...pageHeaders].join(', ')),
    available: availability(release, endpointsOf),
    settling: source.settlingOf(release),
  }
}

/** Of the hosts that browsers bring the pin to (RFC 6265 5.1.3), those that are this release's. */
function sharesPinOf(release: Release, table: RouteTable): SharesPin | undefined {
  const { domain } = release.spec.pin
  if (domain === undefined) return undefined
  return (host) => (host === domain || host.endsWith(`.${domain}`)) && table.releaseFor(host) === release
}

function linesOf(header: string, version: string): VersionLines {
  return {
    asserted: FieldLine.lasting(header, version),
    timing: FieldLine.lasting('server-timing', `graylane;desc="${version}"`),
  }
}

function availability(release: Release, endpointsOf: (pool: Pool) => PoolEndpoints): (version: string) => boolean {
  const pools = new Map(Array.from(release.poolsOf, ([version, list]) => [version, list.map(endpointsOf)]))
  return function isAvailable(version) {
    const list = pools.get(version)
    if (list === undefined) return true
    for (const pool of list) if (!pool.available) return false
    return true
  }
}

function versionAt(release: EdgeRelease | undefined, address: Address): string | undefined {
  if (release === undefined) return undefined
  let found: string | undefined
  for (const [pool, endpoints] of release.poolOf) {
    if (pool.owner === found) continue
    if (!endpoints.list.some((endpoint) => parseAddress(endpoint.address)?.text === address.text)) continue
    if (found !== undefined) return undefined
    found = pool.owner
  }
  return found
}
