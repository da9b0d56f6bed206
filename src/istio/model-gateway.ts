// Gateway, field by field (networking.istio.io).

import { any, bool, list, mapOf, message, nested, oneOf, string, type ValueOf } from './message.ts'
import { port } from './model-shared.ts'

export const serverTls = message('ServerTLSSettings', {
  httpsRedirect: bool,
  mode: oneOf('PASSTHROUGH', 'SIMPLE', 'MUTUAL', 'AUTO_PASSTHROUGH', 'ISTIO_MUTUAL', 'OPTIONAL_MUTUAL'),
  serverCertificate: string,
  privateKey: string,
  caCertificates: string,
  caCrl: string,
  credentialName: string,
  credentialNames: list(string),
  caCertCredentialName: string,
  tlsCertificates: any,
  subjectAltNames: list(string),
  verifyCertificateSpki: list(string),
  verifyCertificateHash: list(string),
  minProtocolVersion: oneOf('TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3'),
  maxProtocolVersion: oneOf('TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3'),
  cipherSuites: list(string),
  insecureSkipVerify: bool,
})
export type ServerTls = ValueOf<typeof serverTls>

export const server = message('Server', {
  port: nested(port),
  bind: string,
  hosts: list(string),
  tls: nested(serverTls),
  defaultEndpoint: string,
  name: string,
})
export type Server = ValueOf<typeof server>

export const gateway = message('Gateway', { servers: list(nested(server)), selector: mapOf(string) })
export type GatewaySpec = ValueOf<typeof gateway>
