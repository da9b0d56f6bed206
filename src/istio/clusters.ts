// Destinations to pools: one pool for each service, port and subset (Envoy's cluster `outbound|80|v1|frontend.default.svc.cluster.local`).

import { withPort } from '../rules/authority.ts'
import type { HashKeySpec } from '../rules/traffic-policy.ts'
import type { Pool, UpstreamUrl } from '../rules/types.ts'
import type { DestinationRules } from './destination-rules.ts'
import type { MeshEndpoint } from './endpoints.ts'
import { fullHost, selects } from './names.ts'
import type { Destination } from './model-shared.ts'
import type { MeshService, ServicePort, Services } from './services.ts'
import { hashKey, type PemFiles, trafficPolicySpec } from './translate-policy.ts'

export interface Cluster {
  readonly pool: Pool
  /** What a consistent hash is taken of; undefined when the pool has none. */
  readonly hashKey: HashKeySpec | undefined
}

export interface SharedByCallers {
  readonly pem: PemFiles
  /** Where requests for an endpoint go instead, both as `host:port`. */
  readonly resolve: ReadonlyMap<string, string>
  /** Equal clusters are one pool, with one health. */
  readonly known: Map<string, Cluster>
}

/** Finds the clusters that callers of one namespace see. */
export class Clusters {
  readonly #services: Services
  readonly #rules: DestinationRules
  readonly #callerNamespace: string
  readonly #shared: SharedByCallers

  constructor(services: Services, rules: DestinationRules, callerNamespace: string, shared: SharedByCallers) {
    this.#services = services
    this.#rules = rules
    this.#callerNamespace = callerNamespace
    this.#shared = shared
  }

  /**
   * Undefined when there is no such service, port or subset: Envoy then has no such cluster.
   * @param namespace of the rule that names the destination
   * @param listenerPort taken where the destination names none and the service has several
   */
  find(destination: Destination | undefined, namespace: string, listenerPort: number): Cluster | undefined {
    const service = this.#services.find(fullHost(destination?.host ?? '', namespace), this.#callerNamespace)
    if (service === undefined) return undefined
    const [only] = service.ports
    const single = service.ports.length === 1 ? only?.number : undefined
    const number = destination?.port?.number ?? single ?? listenerPort
    const port = service.ports.find((candidate) => candidate.number === number)
    return port && this.ofPort(service, port, destination?.subset === '' ? undefined : destination?.subset)
  }

  /** Of a second name, the one that it stands for, if that is a service of the mesh. */
  ofPort(service: MeshService, port: ServicePort, subset: string | undefined): Cluster | undefined {
    const meant = this.#concrete(service)
    if (meant === service) return this.#ownPort(service, port, subset)
    const own = meant.ports.find(({ number }) => number === port.number)
    return own && this.#ownPort(meant, own, subset)
  }

  #concrete(service: MeshService): MeshService {
    const seen = new Set([service])
    for (let at: MeshService | undefined = service; at?.aliasOf !== undefined;) {
      at = this.#services.find(at.aliasOf, this.#callerNamespace)
      // One that leads out of the mesh, or in a circle, is as it is written.
      if (at === undefined || seen.has(at)) return service
      seen.add(at)
    }
    return [...seen].at(-1) as MeshService
  }

  #ownPort(service: MeshService, port: ServicePort, subset: string | undefined): Cluster | undefined {
    const rule = this.#rules.find(service, this.#callerNamespace)
    const labels = subset === undefined ? undefined : rule?.subsets.get(subset)
    if (subset !== undefined && labels === undefined) return undefined
    const policy = rule?.policyOf(port.number, subset)
    const trafficPolicy = trafficPolicySpec(policy, this.#shared.pem)
    const tls = trafficPolicy?.tls !== undefined && trafficPolicy.tls.mode !== 'DISABLE'
    const chosen = port.endpoints.filter((endpoint) => selects(labels?.labels, endpoint.labels))
    const upstreams = chosen.map((endpoint) => upstream(endpoint, tls, this.#shared.resolve))
    const name = `outbound|${port.number}|${subset ?? ''}|${service.host}`
    const id = JSON.stringify([name, upstreams, trafficPolicy])
    const known = this.#shared.known.get(id)
    if (known !== undefined) return known
    const hash = policy?.loadBalancer?.consistentHash
    const cluster: Cluster = {
      pool: Object.freeze({
        key: name,
        release: service.namespace,
        service: service.host,
        owner: labels?.labels?.get('version') ?? subset ?? '',
        upstreams,
        ...(trafficPolicy === undefined ? {} : { trafficPolicy }),
      }),
      hashKey: hash && hashKey(hash),
    }
    this.#shared.known.set(id, cluster)
    return cluster
  }
}

function upstream(
  { address, port, weight }: MeshEndpoint,
  tls: boolean,
  resolve: ReadonlyMap<string, string>,
): UpstreamUrl {
  const instead = resolve.get(withPort(address, port))
  const colon = instead?.lastIndexOf(':') ?? -1
  const hostname = instead?.slice(0, colon).replace(/^\[|\]$/g, '') ?? address
  const to = instead === undefined ? port : Number(instead.slice(colon + 1))
  const url = { protocol: tls ? 'https' : 'http', hostname, port: to } as const
  return weight === undefined || weight === 0 ? url : { ...url, weight }
}
