// Which HTTPS endpoints are believed to be who they are: connects to them with verification, and tells once of one that failed it.
// Verification is left out only where a pool's own tls settings say so (insecureSkipVerify).

import { isIP } from 'node:net'
import tls from 'node:tls'
import type { ConnectionRules } from '../connection-rules.ts'
import type { Endpoint } from '../exchange.ts'
import { sharedContext } from './upstream-context.ts'

/** An endpoint with the name that its certificate has to bear. */
export interface SecureEndpoint extends Endpoint {
  readonly serverName: string
}

/** What is told of an endpoint that failed verification: nothing is sent to it. */
export interface UpstreamNotTrusted {
  readonly event: 'upstream-not-trusted'
  readonly address: string
  readonly port: number
  /** The name that its certificate has to bear. */
  readonly serverName: string
  readonly reason: string
}

type Log = (line: string, event: UpstreamNotTrusted) => void

export function isSecure(endpoint: Endpoint): endpoint is SecureEndpoint {
  return endpoint.serverName !== undefined
}

export class UpstreamTrust {
  readonly #log: Log
  /** By key of the endpoint: what was told of it last. */
  readonly #told = new Map<string, string>()
  #context: tls.SecureContext | undefined

  /** `log` gets a line for people when a certificate, or what else came in place of TLS, is not accepted. */
  constructor(log: Log = () => {}) {
    this.#log = log
  }

  /** Takes some 200 ms where the system has many authorities: done when a configuration is applied rather than at a request. */
  prepare(): void {
    this.#context ??= sharedContext()
  }

  /** 'secureConnect' comes only when the certificate is trusted, in date, and bears the endpoint's name. Else 'error' comes. */
  connect(endpoint: SecureEndpoint): tls.TLSSocket {
    const { address, port } = endpoint
    const own = endpoint.rules?.tls
    const serverName = own?.sni ?? endpoint.serverName
    const named = isIP(serverName) === 0
    const options: tls.ConnectionOptions & { readonly allowHalfOpen: boolean } = {
      // The name that is verified is `servername`, or, for an address, which must not stand there (RFC 6066 3), `host`.
      host: named ? address : serverName,
      port,
      servername: named ? serverName : '',
      secureContext: this.#contextOf(endpoint.rules),
      rejectUnauthorized: own?.insecureSkipVerify !== true,
      ...(own !== undefined && own.subjectAltNames.length > 0 && { checkServerIdentity: anyOf(own.subjectAltNames) }),
      ALPNProtocols: ['http/1.1'],
      allowHalfOpen: true,
    }
    const socket = tls.connect(options)
    socket.setNoDelay(true)
    const keepaliveMs = endpoint.rules?.spec.keepaliveMs
    if (keepaliveMs !== undefined) socket.setKeepAlive(true, keepaliveMs)
    socket.once('secureConnect', () => this.#told.delete(endpoint.key))
    return socket
  }

  /** A pool's own authorities and certificate, or those that all have. */
  #contextOf(rules: ConnectionRules | undefined): tls.SecureContext {
    if (rules?.secureContext !== undefined) return rules.secureContext
    this.prepare()
    return this.#context!
  }

  /** The connection did not become one because of this error. Told when it is about trust, and not the same as last time. */
  noteFailure(endpoint: SecureEndpoint, error: NodeJS.ErrnoException): void {
    // Errors of the system have a syscall; what is left is TLS and certificates.
    if (error.syscall !== undefined || error.code === 'ECONNRESET') return
    const { address, port, serverName } = endpoint
    const reason = reasonOf(error)
    const line = `upstream https://${endpoint.label ?? endpoint.key} is not trusted, nothing is sent to it: ${reason}`
    if (this.#told.get(endpoint.key) === line) return
    this.#told.set(endpoint.key, line)
    this.#log(line, { event: 'upstream-not-trusted', address, port, serverName, reason })
  }

  /** The endpoint left the configuration. */
  forget(endpointKey: string): void {
    this.#told.delete(endpointKey)
  }
}

/** Istio's subjectAltNames: one of them has to stand in the certificate, as a name or as a URI. */
function anyOf(names: readonly string[]): NonNullable<tls.ConnectionOptions['checkServerIdentity']> {
  return (_host, certificate) => {
    const entries = (certificate.subjectaltname ?? '').split(', ')
    const bears = (name: string): boolean =>
      entries.includes(`URI:${name}`) || tls.checkServerIdentity(name, certificate) === undefined
    return names.some(bears) ? undefined : new Error(`its certificate bears none of ${names.join(', ')}`)
  }
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  // OpenSSL's own messages carry addresses in memory and source lines: the code says it all.
  if (code === undefined) return message
  return code.startsWith('ERR_SSL_') ? code : `${message} (${code})`
}
