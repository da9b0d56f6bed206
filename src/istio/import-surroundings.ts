// What belongs to the whole file rather than to a release: the ports of the Gateways, whose claims about the client's address are believed,
// and how paths are normalized.

import type { Place } from '../rules/types.ts'
import { anyOverlap, every } from './analysis.ts'
import { settingsAnnotation } from './export-istio.ts'
import { fullGatewayName } from './names.ts'
import type { Manifests } from './read-manifests.ts'
import type { Resource } from './resource.ts'
import { isHttp } from './validate-gateway.ts'

/** Where services call each other. */
export const internalPort = 15_001

/** What export leaves on the Gateway, since a MeshConfig is not among the files. */
export interface Settings {
  readonly trust?: { readonly proxies: readonly string[]; readonly hops?: number; readonly header?: string }
  readonly path?: string
  readonly header?: string
}

interface Around {
  readonly manifests: Manifests
  /** VirtualServices at gateways. */
  readonly edges: readonly Resource<'VirtualService'>[]
  readonly isCalledInside: boolean
  readonly settings: Settings
  /** Proxies that patterns on X-Forwarded-For allow. */
  readonly proxies: ReadonlySet<string>
  readonly say: (place: Place, code: string, message: string) => void
}

/** `listen`, `trust` and `path` of routes.yaml. */
export function importSurroundings(around: Around): Record<string, unknown> {
  return { listen: listenText(around), trust: trustText(around), path: pathText(around) }
}

export function settingsOf(manifests: Manifests): Settings {
  for (const { metadata } of every(manifests, 'Gateway')) {
    const text = metadata.annotations.get(settingsAnnotation)
    if (text === undefined) continue
    try {
      return JSON.parse(text) as Settings
    } catch {
      // Somebody edited it: as if it were not there.
    }
  }
  return {}
}

function listenText({ manifests, edges, isCalledInside, say }: Around): readonly object[] {
  const ports = new Set<number>()
  for (const gateway of gatewaysOf(manifests, edges)) {
    for (const server of gateway.spec.servers ?? []) {
      const { number = 80, protocol = 'HTTP' } = server.port ?? {}
      if (isHttp(protocol)) {
        ports.add(number)
        continue
      }
      const isPassedOn = (server.tls?.mode ?? 'PASSTHROUGH').endsWith('PASSTHROUGH')
      const message =
        protocol.toUpperCase() === 'HTTPS' && !isPassedOn
          ? `port ${number} speaks HTTPS: add { port: ${number}, tls: { cert: ..., key: ... } } to listen yourself`
          : `port ${number} is left out: ${protocol} ${isPassedOn && server.tls !== undefined ? 'that is passed on unopened' : 'is no HTTP and'} has no counterpart`
      const place = server.port === undefined ? gateway.place : manifests.origins.place(server.port, 'protocol')
      say(place, 'import-tls', message)
    }
  }
  const outside: readonly object[] = ports.size === 0 ? [{ port: 8080 }] : [...ports].map((port) => ({ port }))
  return isCalledInside ? [...outside, { port: internalPort, internal: true }] : outside
}

/** Ports of this VirtualService's Gateways that send plain HTTP to https, for hosts that it has. */
export function httpsRedirectPorts(manifests: Manifests, edge: Resource<'VirtualService'>): readonly number[] {
  const redirecting = gatewaysOf(manifests, [edge]).flatMap((gateway) =>
    (gateway.spec.servers ?? []).filter(
      ({ tls, hosts = [] }) =>
        tls?.httpsRedirect === true &&
        anyOverlap(
          hosts.map((host) => host.slice(host.indexOf('/') + 1)),
          edge.spec.hosts ?? [],
        ),
    ),
  )
  return [...new Set(redirecting.map(({ port }) => port?.number ?? 80))]
}

/** Those among the files that they are bound to. */
export function gatewaysOf(
  manifests: Manifests,
  edges: readonly Resource<'VirtualService'>[],
): readonly Resource<'Gateway'>[] {
  const names = new Set(
    edges.flatMap(({ spec, metadata }) =>
      (spec.gateways ?? []).map((reference) => fullGatewayName(reference, metadata.namespace)),
    ),
  )
  return every(manifests, 'Gateway').filter(({ metadata }) => names.has(`${metadata.namespace}/${metadata.name}`))
}

function trustText({ manifests, settings: { trust }, proxies }: Around): unknown {
  const hops = trust?.hops ?? manifests.meshConfig.defaultConfig?.gatewayTopology?.numTrustedProxies
  if (trust !== undefined && (trust.header !== undefined || trust.proxies.length > 0)) {
    const listed = trust.proxies.length > 0 ? [...trust.proxies] : undefined
    return trust.header === undefined ? listed : { proxies: listed, hops, header: trust.header }
  }
  if (hops !== undefined && hops > 0) return { hops }
  return proxies.size > 0 ? [...proxies] : undefined
}

function pathText({ manifests, settings }: Around): string {
  const written = manifests.meshConfig.pathNormalization?.normalization
  return settings.path ?? (written === undefined || written === 'DEFAULT' ? 'BASE' : written)
}
