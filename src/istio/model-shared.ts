// Messages that several of Istio's resources use (networking.istio.io/v1, also v1beta1 and v1alpha3: the fields are the same).
// Shapes only: what they mean, and what Istio refuses in them, is said elsewhere.

import { bool, double, list, mapOf, message, nested, oneOf, string, uint, type ValueOf } from './message.ts'

export const percent = message('Percent', { value: double })

export const portSelector = message('PortSelector', { number: uint })

export const destination = message('Destination', { host: string, subset: string, port: nested(portSelector) })
export type Destination = ValueOf<typeof destination>

export const port = message('Port', { number: uint, protocol: string, name: string, targetPort: uint })

export const workloadSelector = message('WorkloadSelector', { labels: mapOf(string), matchLabels: mapOf(string) })

export const headerOperations = message('HeaderOperations', {
  set: mapOf(string),
  add: mapOf(string),
  remove: list(string),
})
export type HeaderOperations = ValueOf<typeof headerOperations>

export const headers = message('Headers', { request: nested(headerOperations), response: nested(headerOperations) })
export type Headers = ValueOf<typeof headers>

/** DestinationRule's way to reach a service over TLS. */
export const clientTls = message('ClientTLSSettings', {
  mode: oneOf('DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL'),
  clientCertificate: string,
  privateKey: string,
  caCertificates: string,
  credentialName: string,
  subjectAltNames: list(string),
  sni: string,
  insecureSkipVerify: bool,
  caCrl: string,
})
export type ClientTls = ValueOf<typeof clientTls>
