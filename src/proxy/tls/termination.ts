// TLS at the edge: makes a TLS socket of an accepted one, with the certificate that the client's server name asks for. What comes out is
// an ordinary socket to the engine, counted and timed from accept on. Never looks at the bytes inside.

import { constants } from 'node:crypto'
import type { Socket } from 'node:net'
import tls from 'node:tls'
import { edgeAnswer, edgeErrors } from '../edge-answers.ts'
import { edgeResponse } from '../http1/edge-response.ts'

/** A certificate chain and its private key, both in PEM, checked before they come here. */
export interface ServerCertificate {
  /** As the configuration names it. */
  readonly file: string
  readonly chain: Uint8Array
  readonly secret: Uint8Array
  /** DNS names of the certificate in lower case, `*.` in front of wildcards. */
  readonly names: readonly string[]
  /** Seconds since 1970. */
  readonly expiresAt: number
}

/**
 * Why a TLS connection ended before its first byte of HTTP. `error`: what came was no TLS that we speak. `left`: the client ended it.
 * `closed`: we did, because it took too long, there was no room, or the gateway was draining.
 */
export type TlsFailure = 'error' | 'left' | 'closed'

export interface TlsSurroundings {
  /** 48 secret bytes: sessions can be resumed wherever the same ones are used, and after a reload. */
  readonly ticketKeys: Uint8Array
  readonly onFailure: (failure: TlsFailure) => void
}

export const ticketKeyBytes = 48

/** The certificates of one listener in one configuration. */
export class TlsTermination {
  readonly #onFailure: (failure: TlsFailure) => void
  readonly #first: tls.SecureContext
  readonly #byName = new Map<string, tls.SecureContext>()

  /**
   * @param certificates the first one is for clients that ask for no name, or for none of these names
   * Throws when there is none, and on a certificate that OpenSSL refuses or a key that is another one's.
   */
  constructor(certificates: readonly ServerCertificate[], { ticketKeys, onFailure }: TlsSurroundings) {
    this.#onFailure = onFailure
    const contexts = certificates.map((certificate) => contextOf(certificate, Buffer.from(ticketKeys)))
    const [first] = contexts
    if (first === undefined) throw new Error('a TLS listener needs a certificate')
    this.#first = first
    for (const [index, { names }] of certificates.entries()) {
      for (const name of names) if (!this.#byName.has(name)) this.#byName.set(name, contexts[index]!)
    }
  }

  /** The handshake runs by itself; the first byte that can be read came out of it. */
  wrap(socket: Socket): Socket {
    if (socket.destroyed) return socket
    socket.on('error', ignoreError)
    const secured = new tls.TLSSocket(socket, {
      isServer: true,
      secureContext: this.#first,
      SNICallback: (serverName, done) => done(null, this.#contextFor(serverName)),
      // A client that offers others only is told so by an alert (RFC 7301 3.2); one without ALPN speaks HTTP/1.1.
      ALPNProtocols: ['http/1.1'],
    })
    secured.once('error', (error: NodeJS.ErrnoException) => {
      if (notTls.has(error.code) && socket.bytesWritten === 0) tellPlainHttp(socket)
    })
    this.#watch(secured)
    return secured
  }

  /** RFC 9525 6.3: a name as it stands, else with a wildcard in place of its first label. A dot at the end says nothing (RFC 6066 3). */
  #contextFor(serverName: string): tls.SecureContext {
    const name = serverName.toLowerCase().replace(/\.$/, '')
    return this.#byName.get(name) ?? this.#byName.get(`*${name.slice(name.indexOf('.'))}`) ?? this.#first
  }

  /** Tells how it ended if that was before its first byte. */
  #watch(secured: tls.TLSSocket): void {
    let failure: TlsFailure | undefined
    const onError = (): void => void (failure = 'error')
    // Where we ended our side first, the client only answers that.
    const onEnd = (): void => void (failure ??= secured.writableEnded ? 'closed' : 'left')
    const onClose = (): void => this.#onFailure(failure ?? 'closed')
    secured.once('error', onError).once('end', onEnd).once('close', onClose)
    secured.once('data', () => {
      secured.off('error', onError).off('end', onEnd).off('close', onClose)
    })
  }
}

/** Throws when the key does not belong to the certificate, or either is weaker than OpenSSL allows. */
function contextOf({ chain, secret }: ServerCertificate, ticketKeys: Buffer): tls.SecureContext {
  return tls.createSecureContext({
    cert: Buffer.from(chain),
    key: Buffer.from(secret),
    minVersion: 'TLSv1.2',
    honorCipherOrder: true,
    ticketKeys,
    // Renegotiation (TLS 1.2) lets a client make us work; no browser asks for it.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  })
}

/** OpenSSL knows GET, HEAD, POST, PUT and CONNECT by their letters, and of other first bytes that they are no record of TLS. */
const notTls: ReadonlySet<string | undefined> = new Set([
  'ERR_SSL_HTTP_REQUEST',
  'ERR_SSL_HTTPS_PROXY_REQUEST',
  'ERR_SSL_WRONG_VERSION_NUMBER',
])

/**
 * As nginx does it (its 497) with first bytes that are not TLS: whoever typed http:// is told, where a reset would say nothing. The TLS
 * socket closes the one below next.
 */
function tellPlainHttp(socket: Socket): void {
  socket.write(edgeResponse(edgeAnswer(edgeErrors.plainHttp, undefined), 'close', true), 'latin1')
}

function ignoreError(): void {
  // The TLS socket tells.
}
