// Where requests of a service can go, with the labels by which subsets choose: EndpointSlices, Endpoints, Pods and WorkloadEntries of the
// manifests; where a manifest has none of them, Deployments and their like stand for their pods under their own name.

import type { KubernetesServiceSpec } from './model-kubernetes.ts'
import { selects } from './names.ts'
import { accepted, type Manifests } from './read-manifests.ts'
import type { Resource } from './resource.ts'

export interface MeshEndpoint {
  /** An address, or a name to be resolved. */
  readonly address: string
  readonly port: number
  readonly labels: ReadonlyMap<string, string>
  /** Share among the endpoints; undefined for 1. */
  readonly weight: number | undefined
}

type ServicePortSpec = NonNullable<KubernetesServiceSpec['ports']>[number]
type Labels = ReadonlyMap<string, string>

/** Something that answers: a pod, a WorkloadEntry, or a Deployment that stands for its pods. */
interface Workload {
  readonly namespace: string
  readonly labels: Labels
  readonly address: string
  /** Ports by name. */
  readonly ports: ReadonlyMap<string, number>
  readonly weight: number | undefined
  readonly kind: 'entry' | 'pod' | 'template'
  /** @param port used where the workload does not name one of that name */
  endpoint(portName: string, port: number): MeshEndpoint
}

export interface Workloads {
  /** WorkloadEntries and pods; where there are no pods, what stands for them. */
  selected(namespace: string, selector: ReadonlyMap<string, string | null> | undefined): readonly Workload[]
  readonly slices: readonly Resource<'EndpointSlice'>[]
  readonly endpoints: readonly Resource<'Endpoints'>[]
  labelsOfPod(namespace: string, name: string | undefined): Labels
}

const noLabels: Labels = new Map()

export function workloadsOf(manifests: Manifests): Workloads {
  const pods = accepted(manifests, 'Pod')
  const all = [...entries(manifests), ...pods.flatMap(podWorkload), ...templates(manifests)]
  const podLabels = new Map(pods.map(({ metadata }) => [`${metadata.namespace}/${metadata.name}`, metadata.labels]))
  return {
    selected(namespace, selector) {
      if (selector === undefined || selector.size === 0) return []
      const found = all.filter((workload) => workload.namespace === namespace && selects(selector, workload.labels))
      const hasPods = found.some(({ kind }) => kind === 'pod')
      return found.filter(({ kind }) => kind !== 'template' || !hasPods)
    },
    slices: accepted(manifests, 'EndpointSlice'),
    endpoints: accepted(manifests, 'Endpoints'),
    labelsOfPod: (namespace, name) => podLabels.get(`${namespace}/${name}`) ?? noLabels,
  }
}

/** Of one port of a Kubernetes Service. */
export function kubernetesEndpoints(
  service: Resource<'Service'>,
  port: ServicePortSpec,
  workloads: Workloads,
): readonly MeshEndpoint[] {
  const { spec, metadata } = service
  if (spec.type === 'ExternalName' && spec.externalName !== undefined) {
    return [{ address: spec.externalName, port: port.port ?? 0, labels: noLabels, weight: undefined }]
  }
  const listed = [
    ...workloads.slices
      .filter((slice) => isSliceOf(slice, metadata))
      .flatMap((slice) => ofSlice(slice, port, workloads)),
    ...workloads.endpoints
      .filter(({ metadata: own }) => own.namespace === metadata.namespace && own.name === metadata.name)
      .flatMap((endpoints) => ofEndpoints(endpoints, port, workloads)),
  ]
  const selected = workloads.selected(metadata.namespace, spec.selector)
  // What the cluster lists are its pods; WorkloadEntries come beside them.
  const chosen = listed.length > 0 ? selected.filter(({ kind }) => kind === 'entry') : selected
  return [...listed, ...chosen.map((workload) => workload.endpoint(...targetOf(port, workload)))]
}

function targetOf(port: ServicePortSpec, workload: Workload): [name: string, port: number] {
  const { targetPort = '' } = port
  if (workload.kind === 'entry') return [port.name ?? '', numberOf(targetPort) ?? port.port ?? 0]
  return ['', numberOf(targetPort) ?? workload.ports.get(targetPort) ?? port.port ?? 0]
}

function numberOf(text: string): number | undefined {
  return /^\d+$/.test(text) && text !== '0' ? Number(text) : undefined
}

function isSliceOf({ metadata }: Resource<'EndpointSlice'>, service: Resource['metadata']): boolean {
  return metadata.namespace === service.namespace && metadata.labels.get('kubernetes.io/service-name') === service.name
}

function ofSlice(
  slice: Resource<'EndpointSlice'>,
  port: ServicePortSpec,
  workloads: Workloads,
): readonly MeshEndpoint[] {
  const { namespace } = slice.metadata
  const target = (slice.spec.ports ?? []).find(({ name }) => (name ?? '') === (port.name ?? ''))?.port
  if (target === undefined) return []
  return (slice.spec.endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false)
    .flatMap(({ addresses = [], targetRef }) => {
      const labels = workloads.labelsOfPod(namespace, targetRef?.name)
      return addresses.slice(0, 1).map((address) => ({ address, port: target, labels, weight: undefined }))
    })
}

function ofEndpoints(
  resource: Resource<'Endpoints'>,
  port: ServicePortSpec,
  workloads: Workloads,
): readonly MeshEndpoint[] {
  const { namespace } = resource.metadata
  return (resource.spec.subsets ?? []).flatMap(({ addresses = [], ports = [] }) => {
    const target = ports.find(({ name }) => (name ?? '') === (port.name ?? ''))?.port
    if (target === undefined) return []
    return addresses.map(({ ip = '', targetRef }) => {
      return { address: ip, port: target, labels: workloads.labelsOfPod(namespace, targetRef?.name), weight: undefined }
    })
  })
}

// --- workloads ---------------------------------------------------------------------------------------------------------------------

function entries(manifests: Manifests): readonly Workload[] {
  return accepted(manifests, 'WorkloadEntry').flatMap(({ metadata, spec }) => {
    const address = spec.address ?? ''
    if (address === '' || address.startsWith('unix://')) return []
    const labels = new Map([...metadata.labels, ...withoutNulls(spec.labels)])
    return [workloadOf('entry', metadata.namespace, labels, address, withoutNulls(spec.ports), spec.weight)]
  })
}

/** A pod that has no address yet, or has ended, answers nobody. */
function podWorkload({ metadata, spec, status }: Resource<'Pod'>): readonly Workload[] {
  const { podIP, phase } = status ?? {}
  if (podIP === undefined || podIP === '' || phase === 'Succeeded' || phase === 'Failed') return []
  return [workloadOf('pod', metadata.namespace, metadata.labels, podIP, containerPorts(spec.containers), undefined)]
}

function templates(manifests: Manifests): readonly Workload[] {
  const kinds = ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'] as const
  return kinds.flatMap((kind) =>
    accepted(manifests, kind).flatMap(({ metadata, spec }) => {
      const labels = withoutNulls(spec.template?.metadata?.labels)
      // The ReplicaSet of a Deployment says what that says.
      if (spec.replicas === 0 || labels.has('pod-template-hash')) return []
      const ports = containerPorts(spec.template?.spec?.containers)
      return [workloadOf('template', metadata.namespace, labels, metadata.name, ports, undefined)]
    }),
  )
}

function workloadOf(
  kind: Workload['kind'],
  namespace: string,
  labels: Labels,
  address: string,
  ports: ReadonlyMap<string, number>,
  weight: number | undefined,
): Workload {
  const endpoint = (name: string, port: number): MeshEndpoint => {
    // Of a pod's ports only Kubernetes' targetPort speaks by name.
    return { address, port: (kind === 'entry' ? ports.get(name) : undefined) ?? port, labels, weight }
  }
  return { namespace, labels, address, ports, weight, kind, endpoint }
}

type Containers = NonNullable<Resource<'Pod'>['spec']['containers']>

function containerPorts(containers: Containers = []): ReadonlyMap<string, number> {
  const ports = containers.flatMap((container) => container.ports ?? [])
  return new Map(ports.map(({ name, containerPort }) => [name ?? '', containerPort ?? 0]))
}

function withoutNulls<T>(map: ReadonlyMap<string, T | null> = new Map()): ReadonlyMap<string, T> {
  return new Map([...map].filter((entry): entry is [string, T] => entry[1] !== null))
}
