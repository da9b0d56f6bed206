// One resource of a manifest: who it is, what it says, where that was written, and what is wrong with it. Specs are plain values by the
// shapes of model-*.ts; `manifests.origins.place(value, key)` tells the line of any of them.

import type { Problem } from '../config/problem.ts'
import type { Place } from '../rules/types.ts'
import type { DestinationRuleSpec } from './model-destination-rule.ts'
import type { GatewaySpec } from './model-gateway.ts'
import type {
  EndpointsBody,
  EndpointSliceBody,
  KubernetesServiceSpec,
  PodSpec,
  PodStatus,
  WorkloadSpec,
} from './model-kubernetes.ts'
import type { ServiceEntrySpec, WorkloadEntrySpec } from './model-service-entry.ts'
import type { VirtualServiceSpec } from './model-virtual-service.ts'

/** What stands in `spec`, or beside metadata where a kind has no spec. */
export interface SpecByKind {
  readonly Gateway: GatewaySpec
  readonly VirtualService: VirtualServiceSpec
  readonly DestinationRule: DestinationRuleSpec
  readonly ServiceEntry: ServiceEntrySpec
  readonly WorkloadEntry: WorkloadEntrySpec
  readonly Service: KubernetesServiceSpec
  readonly Pod: PodSpec
  readonly Deployment: WorkloadSpec
  readonly StatefulSet: WorkloadSpec
  readonly ReplicaSet: WorkloadSpec
  readonly DaemonSet: WorkloadSpec
  readonly Endpoints: EndpointsBody
  readonly EndpointSlice: EndpointSliceBody
}

export type Kind = keyof SpecByKind

export interface Metadata {
  readonly name: string
  /** `default` when the manifest names none. */
  readonly namespace: string
  readonly labels: ReadonlyMap<string, string>
  readonly annotations: ReadonlyMap<string, string>
  /** As written, RFC 3339; manifests that never were in a cluster have none. */
  readonly creationTimestamp: string | undefined
}

export interface Resource<K extends Kind = Kind> {
  readonly kind: K
  readonly apiVersion: string
  readonly metadata: Metadata
  readonly spec: SpecByKind[K]
  /** Of pods: their address. */
  readonly status: PodStatus | undefined
  /** Where the document begins. */
  readonly place: Place
  /** Where metadata.name was written. */
  readonly namePlace: Place
  /** The order of the files and of the documents in them. */
  readonly index: number
  /** What Istio's validation says of it, in the order of the file. With an error among it the resource is refused: it takes no part. */
  readonly problems: readonly Problem[]
}

export type AnyResource = { [K in Kind]: Resource<K> }[Kind]

/** A resource that is read over, and the reason if that matters. */
export interface OtherResource {
  readonly kind: string
  readonly apiVersion: string
  readonly name: string
  readonly namespace: string
  readonly place: Place
}

/** `VirtualService default/frontend`, as istioctl names an origin. */
export function nameOf(resource: { readonly kind: string; readonly metadata: Metadata }): string {
  return `${resource.kind} ${resource.metadata.namespace}/${resource.metadata.name}`
}

export function isRefused(resource: { readonly problems: readonly Problem[] }): boolean {
  return resource.problems.some(({ severity }) => severity === 'error')
}
