// Whose word about the client's address is taken, and which keys sign pins.

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
