// The services of the mesh with their ports and endpoints, out of ServiceEntries and Kubernetes' Services.

import type { Place } from '../rules/types.ts'
import { type MeshEndpoint, kubernetesEndpoints, type Workloads, workloadsOf } from './endpoints.ts'
import { byAge, clusterDomain, isVisible } from './names.ts'
import { accepted, type Manifests } from './read-manifests.ts'
import type { Resource } from './resource.ts'

export interface MeshService {
  /** As manifests name it: `frontend.default.svc.cluster.local`, `api.example.com`, `*.example.com`. */
  readonly host: string
  readonly namespace: string
  readonly exportTo: readonly string[] | undefined
  /** In the order of the manifest. */
  readonly ports: readonly ServicePort[]
  /** Virtual addresses: callers may use them in the place of the name. */
  readonly addresses: readonly string[]
  /** Another service that this one is a second name of: Kubernetes' ExternalName. */
  readonly aliasOf?: string | undefined
  readonly place: Place
  /** `ServiceEntry default/frontend`. */
  readonly origin: string
}

export interface ServicePort {
  readonly number: number
  readonly name: string
  readonly http: boolean
  readonly endpoints: readonly MeshEndpoint[]
}

export interface Services {
  /** In the order of their age. */
  readonly all: readonly MeshService[]
  /** The service of exactly that host which callers of this namespace see: that of their own namespace first. */
  find(host: string, namespace: string): MeshService | undefined
  /** All that callers of this namespace see, one for each host. */
  visibleTo(namespace: string): readonly MeshService[]
}

export function collectServices(manifests: Manifests): Services {
  const workloads = workloadsOf(manifests)
  const all = [
    ...accepted(manifests, 'Service')
      .toSorted(byAge)
      .map((service) => kubernetesService(service, workloads)),
    ...mergeEntries(
      accepted(manifests, 'ServiceEntry')
        .toSorted(byAge)
        .flatMap((entry) => entryServices(entry, workloads)),
    ),
  ]
  const byHost = Map.groupBy(all, (service) => service.host)
  const find = (host: string, namespace: string): MeshService | undefined => {
    const visible = (byHost.get(host) ?? []).filter((service) =>
      isVisible(service.exportTo, service.namespace, namespace),
    )
    return visible.find((service) => service.namespace === namespace) ?? visible[0]
  }
  return {
    all,
    find,
    visibleTo: (namespace) => [...byHost.keys()].flatMap((host) => find(host, namespace) ?? []),
  }
}

// --- ServiceEntry ------------------------------------------------------------------------------------------------------------------

function entryServices(entry: Resource<'ServiceEntry'>, workloads: Workloads): readonly MeshService[] {
  const { spec, metadata } = entry
  const { namespace } = metadata
  const selected =
    spec.workloadSelector === undefined ? [] : workloads.selected(namespace, spec.workloadSelector.labels)
  return (spec.hosts ?? []).map((host) => ({
    host,
    namespace,
    exportTo: spec.exportTo,
    ports: (spec.ports ?? []).map((port) => {
      const number = port.number ?? 0
      const name = port.name ?? ''
      const target = port.targetPort === undefined || port.targetPort === 0 ? number : port.targetPort
      const written = (spec.endpoints ?? []).map((endpoint) => ({
        address: endpoint.address ?? '',
        port: endpoint.ports?.get(name) ?? target,
        labels: new Map([...(endpoint.labels ?? [])].map(([key, value]) => [key, value ?? ''])),
        weight: endpoint.weight,
      }))
      const chosen = selected.map((workload) => workload.endpoint(name, target))
      return {
        number,
        name,
        http: isHttpPort(port.protocol),
        endpoints: resolved(entry, host, target, [...written, ...chosen]),
      }
    }),
    addresses: (spec.addresses ?? []).filter((address) => !address.includes('/')),
    place: entry.namePlace,
    origin: `ServiceEntry ${namespace}/${metadata.name}`,
  }))
}

/** What the resolution makes of the endpoints that were written. */
function resolved(
  { spec }: Resource<'ServiceEntry'>,
  host: string,
  port: number,
  endpoints: readonly MeshEndpoint[],
): readonly MeshEndpoint[] {
  switch (spec.resolution ?? 'NONE') {
    case 'NONE':
    case 'DYNAMIC_DNS':
      return []
    case 'STATIC':
      return endpoints.filter(({ address }) => address !== '' && !address.startsWith('unix://'))
    case 'DNS':
    case 'DNS_ROUND_ROBIN':
      // A name stands for its addresses, whose labels are not known.
      if (endpoints.length > 0 || spec.workloadSelector !== undefined) return endpoints
      return [{ address: host, port, labels: new Map(), weight: undefined }]
  }
}

/** Several ServiceEntries of a namespace may list endpoints of one host. */
function mergeEntries(services: readonly MeshService[]): readonly MeshService[] {
  const merged = new Map<string, MeshService>()
  for (const service of services) {
    const key = `${service.namespace}/${service.host}`
    const before = merged.get(key)
    merged.set(key, before === undefined ? service : { ...before, ports: mergePorts(before.ports, service.ports) })
  }
  return [...merged.values()]
}

function mergePorts(a: readonly ServicePort[], b: readonly ServicePort[]): readonly ServicePort[] {
  const ports = new Map(a.map((port) => [port.number, port]))
  for (const port of b) {
    const before = ports.get(port.number)
    ports.set(
      port.number,
      before === undefined ? port : { ...before, endpoints: [...before.endpoints, ...port.endpoints] },
    )
  }
  return [...ports.values()]
}

// --- Kubernetes --------------------------------------------------------------------------------------------------------------------

function kubernetesService(service: Resource<'Service'>, workloads: Workloads): MeshService {
  const { spec, metadata } = service
  const { name, namespace, annotations } = metadata
  const exportTo = annotations.get('networking.istio.io/exportTo')
  const address = spec.clusterIP ?? ''
  return {
    host: `${name}.${namespace}.svc.${clusterDomain}`,
    namespace,
    exportTo: exportTo?.split(',').map((part) => part.trim()),
    ports: (spec.ports ?? [])
      .filter(({ protocol }) => protocol === undefined || protocol === 'TCP')
      .map((port) => ({
        number: port.port ?? 0,
        name: port.name ?? '',
        http: isHttpPort(port.appProtocol ?? protocolOfName(port.name)),
        endpoints: kubernetesEndpoints(service, port, workloads),
      })),
    addresses: address === '' || address === 'None' ? [] : [address],
    aliasOf: spec.type === 'ExternalName' ? spec.externalName : undefined,
    place: service.namePlace,
    origin: `Service ${namespace}/${name}`,
  }
}

/** Kubernetes' ports say their protocol in front of the name: `http-web`, `grpc`, `tcp-db`. */
function protocolOfName(name = ''): string | undefined {
  const lower = name.toLowerCase()
  const known = ['grpc-web', 'http2', 'https', 'http', 'grpc', 'tcp', 'tls', 'mongo', 'redis', 'mysql', 'udp']
  return known.find((protocol) => lower === protocol || lower.startsWith(`${protocol}-`))
}

/** A port that does not say what it speaks is looked at by Envoy, and is HTTP if it looks so. */
function isHttpPort(protocol: string | undefined): boolean {
  return ['', 'HTTP', 'HTTP2', 'GRPC', 'GRPC-WEB'].includes((protocol ?? '').toUpperCase())
}
