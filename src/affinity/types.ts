// What all of affinity speaks of: fields of a message, whose word about the client's address is taken, which keys sign pins, and what the pins
// that came are found to be.

import type { PinReading, PinState } from '../rules/types.ts'

/** Of a message head. Names in lower case. */
export interface Fields {
  /** The value; several lines joined by `, `. */
  get(name: string): string | undefined
}

/** `trust` of routes.yaml: proxies by address, or a number of hops as Istio's numTrustedProxies. Exactly one is given; neither trusts nobody. */
export interface TrustSpec {
  /** CIDRs whose X-Forwarded-For and -Proto are believed. */
  readonly proxies: readonly string[]
  /** Trusted hops in front of us; undefined when `proxies` decides. */
  readonly hops: number | undefined
  /** A CDN's header that holds the client address itself (lower case), believed from trusted peers only. */
  readonly header: string | undefined
}

/** A signing key. The first of a ring signs, all verify. */
export interface PinKey {
  /** Eight hex digits of SHA-256 over the secret: the same on every gateway, tells nothing of the key. */
  readonly id: string
  /** At least 32 bytes. */
  readonly secret: Uint8Array
}

export interface PinFinding {
  readonly reading: PinReading
  readonly state: PinState
  /** It stands where the configuration would not put it: for one host alone, though `domain` is set. Due to be written anew. */
  readonly moved?: boolean
}
