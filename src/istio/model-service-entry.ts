// ServiceEntry and WorkloadEntry, field by field (networking.istio.io).

import { list, mapOf, message, nested, oneOf, string, uint, type ValueOf } from './message.ts'
import { port, workloadSelector } from './model-shared.ts'

export const workloadEntry = message('WorkloadEntry', {
  address: string,
  ports: mapOf(uint),
  labels: mapOf(string),
  network: string,
  locality: string,
  weight: uint,
  serviceAccount: string,
})
export type WorkloadEntrySpec = ValueOf<typeof workloadEntry>

export const serviceEntry = message('ServiceEntry', {
  hosts: list(string),
  addresses: list(string),
  ports: list(nested(port)),
  location: oneOf('MESH_EXTERNAL', 'MESH_INTERNAL'),
  resolution: oneOf('NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS'),
  endpoints: list(nested(workloadEntry)),
  workloadSelector: nested(workloadSelector),
  exportTo: list(string),
  subjectAltNames: list(string),
})
export type ServiceEntrySpec = ValueOf<typeof serviceEntry>
