// By which authorities, and with which certificate of our own, TLS is spoken to upstreams. Made when a configuration is compiled: what
// OpenSSL refuses refuses the configuration, and no request waits for it.

import tls from 'node:tls'
import type { UpstreamTlsSpec } from '../../rules/traffic-policy.ts'

const minVersion = 'TLSv1.2'

/** The system's authorities, Node's own, and those of NODE_EXTRA_CA_CERTS. Takes some 200 ms where there are many. */
export function sharedContext(): tls.SecureContext {
  return tls.createSecureContext({ ca: systemAuthorities(), minVersion })
}

/** Undefined for a pool that has neither authorities nor a certificate of its own. Throws on what OpenSSL refuses. */
export function ownContext(
  spec: Exclude<UpstreamTlsSpec, { readonly mode: 'DISABLE' }>,
): tls.SecureContext | undefined {
  const { caCertificates, clientCertificate, privateKey } = spec
  if (caCertificates === undefined && clientCertificate === undefined) return undefined
  const ca = caCertificates ?? systemAuthorities()
  return tls.createSecureContext({ ca, cert: clientCertificate, key: privateKey, minVersion })
}

function systemAuthorities(): string[] {
  return [...new Set([...tls.getCACertificates('default'), ...tls.getCACertificates('system')])]
}
