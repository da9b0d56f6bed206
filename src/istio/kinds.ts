// Which kinds are read, by which shape, and what is said of Istio's others.

import { didYouMean } from '../rules/route-problem.ts'
import type { MessageShape } from './message.ts'
import { destinationRule } from './model-destination-rule.ts'
import { gateway } from './model-gateway.ts'
import { endpoints, endpointSlice, kubernetesService, pod, workload } from './model-kubernetes.ts'
import { serviceEntry, workloadEntry } from './model-service-entry.ts'
import { virtualService } from './model-virtual-service.ts'
import type { Kind } from './resource.ts'

export interface KindReading {
  readonly kind: Kind
  readonly shape: MessageShape
  /** The fields stand beside metadata, not in `spec`. */
  readonly beside: boolean
}

const istioVersions = ['v1', 'v1beta1', 'v1alpha3'].map((version) => `networking.istio.io/${version}`)
const table: readonly (readonly [
  apiVersions: readonly string[],
  kind: Kind,
  shape: MessageShape,
  beside?: 'beside',
])[] = [
  [istioVersions, 'Gateway', gateway],
  [istioVersions, 'VirtualService', virtualService],
  [istioVersions, 'DestinationRule', destinationRule],
  [istioVersions, 'ServiceEntry', serviceEntry],
  [istioVersions, 'WorkloadEntry', workloadEntry],
  [['v1'], 'Service', kubernetesService],
  [['v1'], 'Pod', pod],
  [['v1'], 'Endpoints', endpoints, 'beside'],
  [['discovery.k8s.io/v1', 'discovery.k8s.io/v1beta1'], 'EndpointSlice', endpointSlice, 'beside'],
  [['apps/v1'], 'Deployment', workload],
  [['apps/v1'], 'StatefulSet', workload],
  [['apps/v1'], 'ReplicaSet', workload],
  [['apps/v1'], 'DaemonSet', workload],
]

export function findKind(apiVersion: string, kind: string): KindReading | undefined {
  const row = table.find(([apiVersions, name]) => name === kind && apiVersions.includes(apiVersion))
  return row && { kind: row[1], shape: row[2], beside: row[3] !== undefined }
}

/** Whether a document is for this reader: its apiVersion is one of Istio's networking API. */
export function isIstioApi(apiVersion: string): boolean {
  return apiVersion.startsWith('networking.istio.io/')
}

const consequences: Readonly<Record<string, string>> = {
  EnvoyFilter: 'it changes the configuration of Envoy, and there is no Envoy here',
  Sidecar: 'every service is visible to every caller here',
  ProxyConfig: 'give numTrustedProxies in the MeshConfig',
  WorkloadGroup: 'list the workloads as WorkloadEntry',
  AuthorizationPolicy: 'requests that it denies pass here',
  PeerAuthentication: 'there is no mutual TLS between workloads here',
  RequestAuthentication: 'tokens are not verified here',
  Telemetry: 'logs, metrics and traces are those of graylane',
  WasmPlugin: 'it extends Envoy, and there is no Envoy here',
  TrafficExtension: 'it extends Envoy, and there is no Envoy here',
}

/** Kinds of Kubernetes' own Gateway API; a `Gateway` of Istio's is served. */
const gatewayApi = 'the Gateway API is not read: write a Gateway and a VirtualService of networking.istio.io'

/** Undefined for what concerns no request: ConfigMaps, Namespaces, and the like. */
export function notHonoured(
  apiVersion: string,
  kind: string,
): { readonly severity: 'error' | 'warning'; readonly message: string } | undefined {
  const [group = ''] = apiVersion.split('/')
  const known = table.find(([, name]) => name === kind)
  if (group === 'networking.istio.io') {
    const version = istioVersions.includes(apiVersion)
    if (known !== undefined && !version) {
      return { severity: 'error', message: `${apiVersion} is not known: write networking.istio.io/v1` }
    }
    if (consequences[kind] === undefined) {
      const kinds = table.filter(([versions]) => versions === istioVersions).map(([, name]) => name)
      return { severity: 'error', message: `networking.istio.io has no kind ${kind}${didYouMean(kind, kinds)}` }
    }
  }
  const ofIstio = group.endsWith('istio.io') && group !== 'install.istio.io'
  if (!ofIstio && group !== 'gateway.networking.k8s.io') return undefined
  const consequence = ofIstio ? consequences[kind] : gatewayApi
  return { severity: 'warning', message: `not honoured${consequence === undefined ? '' : `: ${consequence}`}` }
}
