// Which HTTPS endpoints are believed to be who they are: connects to them with verification, and tells once of one that failed it.
// There is no way to leave verification out.

import { isIP } from 'node:net'
import tls from 'node:tls'
import type { Endpoint } from '../exchange.ts'

/** An endpoint with the name that its certificate has to bear. */
export interface SecureEndpoint extends Endpoint {
  readonly serverName: string
}

export function isSecure(endpoint: Endpoint): endpoint is SecureEndpoint {
  return endpoint.serverName !== undefined
}

export class UpstreamTrust {
  readonly #log: (line: string) => void
  /** By key of the endpoint: what was told of it last. */
  readonly #told = new Map<string, string>()
  #context: tls.SecureContext | undefined

  /** `log` gets a line for people when a certificate, or what else came in place of TLS, is not accepted. */
  constructor(log: (line: string) => void = () => {}) {
    this.#log = log
  }

  /** Takes some 200 ms where the system has many authorities: done when a configuration is applied rather than at a request. */
  prepare(): void {
    this.#context ??= trustedAuthorities()
  }

  /** 'secureConnect' comes only when the certificate is trusted, in date, and bears the endpoint's name. Else 'error' comes. */
  connect(endpoint: SecureEndpoint): tls.TLSSocket {
    this.prepare()
    const { serverName, address, port } = endpoint
    const named = isIP(serverName) === 0
    const options: tls.ConnectionOptions & { readonly allowHalfOpen: boolean } = {
      // The name that is verified is `servername`, or, for an address, which must not stand there (RFC 6066 3), `host`.
      host: named ? address : serverName,
      port,
      servername: named ? serverName : '',
      secureContext: this.#context!,
      rejectUnauthorized: true,
      ALPNProtocols: ['http/1.1'],
      allowHalfOpen: true,
    }
    const socket = tls.connect(options)
    socket.setNoDelay(true)
    socket.once('secureConnect', () => this.#told.delete(endpoint.key))
    return socket
  }

  /** The connection did not become one because of this error. Told when it is about trust, and not the same as last time. */
  noteFailure(endpoint: SecureEndpoint, error: NodeJS.ErrnoException): void {
    // Errors of the system have a syscall; what is left is TLS and certificates.
    if (error.syscall !== undefined || error.code === 'ECONNRESET') return
    const line = `upstream https://${endpoint.key} is not trusted, nothing is sent to it: ${reasonOf(error)}`
    if (this.#told.get(endpoint.key) === line) return
    this.#told.set(endpoint.key, line)
    this.#log(line)
  }

  /** The endpoint left the configuration. */
  forget(endpointKey: string): void {
    this.#told.delete(endpointKey)
  }
}

/** The system's authorities, Node's own, and those of NODE_EXTRA_CA_CERTS. */
function trustedAuthorities(): tls.SecureContext {
  const authorities = new Set([...tls.getCACertificates('default'), ...tls.getCACertificates('system')])
  return tls.createSecureContext({ ca: [...authorities], minVersion: 'TLSv1.2' })
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  // OpenSSL's own messages carry addresses in memory and source lines: the code says it all.
  if (code === undefined) return message
  return code.startsWith('ERR_SSL_') ? code : `${message} (${code})`
}
