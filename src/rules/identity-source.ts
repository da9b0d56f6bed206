// Who a visitor may be known by, as configured. Pure data.

/** Where a visitor's identity may stand, e.g. `cookies.user`. */
export type IdentitySource =
  | { readonly kind: 'cookie'; readonly name: string }
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'clientIp'; /** Of IPv6 only the block counts; default 64 */ readonly ipv6Prefix?: number }
  | { readonly kind: 'json'; readonly cookie: string; readonly field: string }
  | TokenSource

/** A claim of a JWT (RFC 7519). */
export interface TokenSource {
  readonly kind: 'jwt'
  readonly place: { readonly kind: 'cookie' | 'header'; readonly name: string }
  readonly claim: string
  readonly keys: readonly TokenKey[]
  readonly issuer: string | undefined
  readonly audience: string | undefined
  /** By how much clocks may differ. */
  readonly leewaySeconds: number
}

/** A key that verifies tokens, with the only algorithms it may be used for (RFC 8725 3.1). */
export interface TokenKey {
  readonly id: string | undefined
  readonly algorithms: readonly string[]
  /** How to read `secret`: a JWK as JSON, PEM, or the bytes of a shared secret. */
  readonly form: 'jwk' | 'pem' | 'raw'
  readonly secret: Uint8Array
}
