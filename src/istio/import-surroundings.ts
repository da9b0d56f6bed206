// What belongs to the whole file rather than to a release: the ports of the Gateways, whose claims about the client's address are believed,
// and how paths are normalized.

import type { Place } from '../rules/types.ts'
import { every, gatewayReference } from './analysis.ts'
import { settingsAnnotation } from './export-istio.ts'
import type { Manifests } from './read-manifests.ts'
import type { Resource } from './resource.ts'

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
      const message = `port ${number} speaks ${protocol}: add { port: ${number}, tls: { cert: ..., key: ... } } to listen yourself`
      if (protocol.toUpperCase() === 'HTTP') ports.add(number)
      else say(gateway.place, 'import-tls', message)
    }
  }
  const outside: readonly object[] = ports.size === 0 ? [{ port: 8080 }] : [...ports].map((port) => ({ port }))
  return isCalledInside ? [...outside, { port: internalPort, internal: true }] : outside
}

function gatewaysOf(
  manifests: Manifests,
  edges: readonly Resource<'VirtualService'>[],
): readonly Resource<'Gateway'>[] {
  const names = new Set(
    edges.flatMap(({ spec, metadata }) =>
      (spec.gateways ?? []).map((reference) =>
        Object.values(gatewayReference(reference, metadata.namespace)).join('/'),
      ),
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
