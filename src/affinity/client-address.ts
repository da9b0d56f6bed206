// Who the client is by address: the socket's peer, or what a trusted proxy says of the one before it.
// Never believes a hop that is not trusted, and never reads past an entry that is not an address.

import { compileCidrs, parseAddress } from '../rules/address.ts'
import type { Address } from '../rules/types.ts'
import type { TrustSpec } from './types.ts'

const hopsWalked = 64

/** Compiled `trust`. `field` names the request field to hand to `clientAddress`. */
export interface Trust {
  readonly field: string
  readonly fieldIsOneAddress: boolean
  readonly hops: number | undefined
  readonly isProxy: (address: Address) => boolean
}

/** `trust` of routes.yaml, ready for the data path. The CIDRs were checked when the configuration was read. */
export function compileTrust(spec: TrustSpec): Trust {
  return {
    field: spec.header ?? 'x-forwarded-for',
    fieldIsOneAddress: spec.header !== undefined,
    hops: spec.hops,
    isProxy: compileCidrs(spec.proxies),
  }
}

/** Whether what this socket peer says about the request (X-Forwarded-For, -Proto) is believed. */
export function isTrustedPeer(peer: Address, trust: Trust): boolean {
  // Envoy believes any peer once xff_num_trusted_hops is above 0 (Istio numTrustedProxies).
  return trust.hops === undefined ? trust.isProxy(peer) : trust.hops > 0
}

/**
 * The address that rules match and logs show.
 * @param claimed value of the request field `trust.field`, several lines joined by a comma
 */
export function clientAddress(peer: Address, claimed: string | undefined, trust: Trust): Address {
  if (!claimed || !isTrustedPeer(peer, trust)) return peer
  if (trust.fieldIsOneAddress) return parseHop(claimed) ?? peer
  return trust.hops === undefined ? walk(peer, claimed, trust.isProxy) : countHops(peer, claimed, trust.hops)
}

/**
 * From the right over trusted proxies: the first that is not one is the client. Something that is no address ends the walk, and so
 * does a chain longer than any there is: a field of a thousand IPv6 entries must not cost milliseconds.
 */
function walk(peer: Address, claimed: string, isProxy: (address: Address) => boolean): Address {
  let client = peer
  let end = claimed.length
  for (let walked = 0; walked < hopsWalked && end >= 0 && isProxy(client); walked += 1) {
    const comma = claimed.lastIndexOf(',', end - 1)
    const hop = parseHop(claimed.slice(comma + 1, end))
    if (hop === undefined) return client
    client = hop
    end = comma
  }
  return client
}

/** Envoy's xff_num_trusted_hops: the n-th entry from the right; too few entries, or one that is no address: the peer. */
function countHops(peer: Address, claimed: string, hops: number): Address {
  let end = claimed.length
  for (let skip = hops - 1; skip > 0; skip -= 1) {
    end = claimed.lastIndexOf(',', end - 1)
    if (end <= 0) return peer
  }
  return parseHop(claimed.slice(claimed.lastIndexOf(',', end - 1) + 1, end)) ?? peer
}

/** One entry; `parseAddress` cuts what proxies put around an address: brackets, a port, a zone (RFC 7239 section 6 has the shapes). */
function parseHop(entry: string): Address | undefined {
  return parseAddress(entry.trim())
}
