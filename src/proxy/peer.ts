// Who is at the other end of a client connection, and who sends a request over it, as far as we believe it.

import { isTrustedPeer, type Trust } from '../affinity/client-address.ts'
import { parseAddress } from '../rules/address.ts'
import type { Address } from '../rules/types.ts'
import type { Client } from './client.ts'
import type { Edge, EdgeRelease } from './edge.ts'
import type { Connection, RequestHead } from './exchange.ts'
import { FieldBlock, FieldLine } from './field-line.ts'
import { LastVisit } from './last-visit.ts'
import { VisitorCookies } from './visitor-cookies.ts'

/** Worked out once a connection, and again when a reload changes whom we trust. */
export function peerOf(connection: Connection, trust: Trust): Peer {
  const known = connection.memo as Peer | undefined
  return known?.trust === trust ? known : (connection.memo = new Peer(connection, trust))
}

/** Kept at the connection, with what the last request over it was found to be: the next one is mostly like it. */
export class Peer {
  readonly trust: Trust
  /** The peer as the client. */
  readonly direct: Client
  #last: LastVisit | undefined
  #cookies: VisitorCookies | undefined
  #forwarded: FieldBlock | undefined
  #authority = ''
  #via: FieldLine | undefined

  constructor(connection: Connection, trust: Trust) {
    const peer = parseAddress(connection.remoteAddress) as Address
    this.trust = trust
    this.direct = {
      peer,
      trusted: isTrustedPeer(peer, trust),
      address: peer,
      scheme: connection.encrypted ? 'https' : 'http',
      forwardedFor: new FieldLine('x-forwarded-for', peer.text),
    }
  }

  /** What was found of the request before, if that holds for this one. */
  lastVisit(edge: Edge, request: RequestHead, nowSeconds: () => number): LastVisit | undefined {
    const last = this.#last
    if (last === undefined) return undefined
    if (request.repeats && last.holdsFor(edge, request, nowSeconds())) return last
    return (this.#last = undefined)
  }

  /** For the next request with the same fields. */
  visits(...found: ConstructorParameters<typeof LastVisit>): LastVisit {
    return (this.#last = new LastVisit(...found))
  }

  cookies(release: EdgeRelease, field: string | undefined, encrypted: boolean): VisitorCookies {
    if (this.#cookies?.holdsFor(release, field, encrypted) !== true)
      this.#cookies = new VisitorCookies(release, field, encrypted)
    return this.#cookies!
  }

  /**
   * What an upstream is told of a request that the peer itself makes. Undefined where the request before said something else: one alone is
   * not worth it.
   */
  forwarded(authority: string, via: FieldLine): FieldBlock | undefined {
    if (this.#authority !== authority || this.#via !== via) {
      this.#authority = authority
      this.#via = via
      this.#forwarded = undefined
      return undefined
    }
    const { forwardedFor, scheme } = this.direct
    return (this.#forwarded ??= new FieldBlock([forwardedFor, forwardedProto[scheme], forwardedHost(authority), via]))
  }
}

export const forwardedProto = {
  http: FieldLine.lasting('x-forwarded-proto', 'http'),
  https: FieldLine.lasting('x-forwarded-proto', 'https'),
}

/** The engine takes no authority that holds more than a host and a port. */
export function forwardedHost(authority: string): FieldLine {
  return new FieldLine('x-forwarded-host', authority)
}
