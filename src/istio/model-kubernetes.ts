// What of Kubernetes' own resources leads to the endpoints of a service: selectors, labels, addresses, ports. The rest is read over.

import { any, bool, list, mapOf, message, nested, string, text, uint, type ValueOf } from './message.ts'

export const kubernetesService = message('Service', {
  type: string,
  clusterIP: string,
  externalName: string,
  selector: mapOf(string),
  ports: list(
    nested(
      message('ServicePort', {
        name: string,
        port: uint,
        targetPort: text,
        protocol: string,
        appProtocol: string,
        nodePort: uint,
      }),
    ),
  ),
})
export type KubernetesServiceSpec = ValueOf<typeof kubernetesService>

const containers = list(
  nested(
    message('Container', {
      name: string,
      image: string,
      ports: list(nested(message('ContainerPort', { name: string, containerPort: uint, protocol: string }))),
    }),
  ),
)
const podTemplate = nested(
  message('PodTemplateSpec', {
    metadata: nested(message('ObjectMeta', { labels: mapOf(string), name: string })),
    spec: nested(message('PodSpec', { containers })),
  }),
)

/** Deployment, StatefulSet, ReplicaSet, DaemonSet. */
export const workload = message('Workload', {
  replicas: uint,
  selector: nested(message('LabelSelector', { matchLabels: mapOf(string), matchExpressions: any })),
  template: podTemplate,
})
export type WorkloadSpec = ValueOf<typeof workload>

export const pod = message('PodSpec', { containers })
export type PodSpec = ValueOf<typeof pod>
export const podStatus = message('PodStatus', { podIP: string, phase: string })
export type PodStatus = ValueOf<typeof podStatus>

const targetRef = nested(message('ObjectReference', { kind: string, name: string, namespace: string }))

/** Endpoints: `subsets` stands beside metadata. */
export const endpoints = message('Endpoints', {
  subsets: list(
    nested(
      message('EndpointSubset', {
        addresses: list(nested(message('EndpointAddress', { ip: string, hostname: string, targetRef }))),
        ports: list(nested(message('EndpointPort', { name: string, port: uint, protocol: string }))),
      }),
    ),
  ),
})
export type EndpointsBody = ValueOf<typeof endpoints>

/** EndpointSlice: `endpoints` and `ports` stand beside metadata. */
export const endpointSlice = message('EndpointSlice', {
  addressType: string,
  endpoints: list(
    nested(
      message('Endpoint', {
        addresses: list(string),
        conditions: nested(message('EndpointConditions', { ready: bool, serving: bool, terminating: bool })),
        targetRef,
      }),
    ),
  ),
  ports: list(nested(message('EndpointPort', { name: string, port: uint, protocol: string, appProtocol: string }))),
})
export type EndpointSliceBody = ValueOf<typeof endpointSlice>
