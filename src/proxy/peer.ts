// Who is at the other end of a client connection, and who sends a request over it, as far as we believe it.

import { isTrustedPeer, type Trust } from '../affinity/client-address.ts'
import { parseAddress } from '../rules/address.ts'
import type { Address } from '../rules/types.ts'
import type { Connection } from './exchange.ts'

export interface Client {
  /** At the other end of the connection. */
  readonly peer: Address
  /** The peer is one of `trust`: what it says of the request is believed. */
  readonly trusted: boolean
  readonly address: Address
  readonly scheme: 'http' | 'https'
  /** X-Forwarded-For as it is sent when the peer is the first to be named there. */
  readonly forwardedFor: string
}

/** Kept at the connection. */
export class Peer {
  readonly trust: Trust
  /** The peer as the client. */
  readonly direct: Client

  constructor(connection: Connection, trust: Trust) {
    const peer = parseAddress(connection.remoteAddress) as Address
    this.trust = trust
    this.direct = {
      peer,
      trusted: isTrustedPeer(peer, trust),
      address: peer,
      scheme: connection.encrypted ? 'https' : 'http',
      forwardedFor: `x-forwarded-for: ${peer.text}\r\n`,
    }
  }
}
