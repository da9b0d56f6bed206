// A claim of a JSON Web Token (RFC 7519), verified by a key of the configuration. Synchronous on purpose: a decision cannot wait for a
// promise without making every request wait, and verifying takes less than a tenth of a millisecond, once a token.

import { Buffer } from 'node:buffer'
import { constants, createHmac, createPublicKey, type KeyObject, timingSafeEqual, verify } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { TokenKey, TokenSource } from '../rules/identity-source.ts'
import { fieldOf, parseJson, WrittenNumber } from './json-field.ts'

const longestToken = 8_192
const goodRemembered = 20_000
/** Apart from the good ones, so that a flood of bad tokens pushes none of those out. */
const badRemembered = 1_000

/** The claim of a token that holds, or undefined. A token's validity in time is looked at each time, everything else once. */
export type ReadToken = (token: string, nowSeconds: number) => string | undefined

interface Verified {
  readonly claim: string
  readonly notBefore: number
  readonly expires: number
}

export function createTokenReader(source: TokenSource): ReadToken {
  const verifiers = source.keys.map(compileKey)
  const good = new LRUCache<string, Verified>({ max: goodRemembered })
  const bad = new LRUCache<string, true>({ max: badRemembered })
  const { leewaySeconds } = source

  return function readToken(token, nowSeconds) {
    if (token.length > longestToken) return undefined
    let found = good.get(token)
    if (found === undefined) {
      if (bad.has(token)) return undefined
      // A slice of the request head would keep the whole head in memory: keep a copy.
      const copy = Buffer.from(token, 'latin1').toString('latin1')
      found = verifyToken(copy, verifiers, source)
      if (found === undefined) {
        bad.set(copy, true)
        return undefined
      }
      good.set(copy, found)
    }
    const isInForce = nowSeconds < found.expires + leewaySeconds && nowSeconds >= found.notBefore - leewaySeconds
    return isInForce ? found.claim : undefined
  }
}

function verifyToken(token: string, verifiers: readonly Verifier[], source: TokenSource): Verified | undefined {
  const parts = token.split('.')
  const [head, body, signature] = parts
  if (parts.length !== 3 || head === undefined || body === undefined || signature === undefined) return undefined
  if (!verifiers.some((verifier) => verifier.mayHaveSigned(head))) return undefined
  const signed = Buffer.from(`${head}.${body}`, 'latin1')
  const mac = Buffer.from(signature, 'base64url')
  // Another spelling of the same bytes would be another token to the cache.
  if (mac.toString('base64url') !== signature) return undefined
  if (!verifiers.some((verifier) => verifier.mayHaveSigned(head) && verifier.hasSigned(head, signed, mac)))
    return undefined
  const claims = decoded(body)
  if (!isFor(claims, source)) return undefined
  const claim = fieldOf(claims, source.claim)
  const notBefore = seconds(claims, 'nbf', -Infinity)
  const expires = seconds(claims, 'exp', Infinity)
  return claim === undefined || notBefore === undefined || expires === undefined
    ? undefined
    : { claim, notBefore, expires }
}

/** `iss` and `aud`, where the configuration asks for them (RFC 8725 3.8, 3.9). */
function isFor(claims: unknown, { issuer, audience }: TokenSource): boolean {
  if (issuer !== undefined && fieldOf(claims, 'iss') !== issuer) return false
  if (audience === undefined) return true
  const given = typeof claims === 'object' && claims !== null ? (claims as { aud?: unknown }).aud : undefined
  return Array.isArray(given) ? given.includes(audience) : given === audience
}

/** A NumericDate, or `otherwise` when there is none; undefined for one that is no number: such a token does not hold. */
function seconds(claims: unknown, name: string, otherwise: number): number | undefined {
  const value = (claims as Record<string, unknown>)[name]
  if (value === undefined) return otherwise
  if (!(value instanceof WrittenNumber)) return undefined
  const number = Number(value.text)
  return Number.isFinite(number) ? number : undefined
}

// --- keys ----------------------------------------------------------------------------------------------------------------------

interface Verifier {
  /** By the token's header: before anything is computed. */
  readonly mayHaveSigned: (head: string) => boolean
  readonly hasSigned: (head: string, signed: Buffer, signature: Buffer) => boolean
}

/** The algorithm is the key's, never the token's choice: a public key must not be taken for a shared secret (RFC 8725 2.1, 3.1). */
function compileKey(key: TokenKey): Verifier {
  const { id, algorithms, form, secret } = key
  const check = form === 'raw' ? hmacCheck(secret) : signatureCheck(readPublicKey(key))
  return {
    mayHaveSigned(head) {
      const { alg, kid, crit } = headerOf(head)
      const isOurs = id === undefined || kid === undefined || kid === id
      return isOurs && crit === undefined && typeof alg === 'string' && algorithms.includes(alg)
    },
    hasSigned(head, signed, signature) {
      try {
        return check(headerOf(head).alg as string, signed, signature)
      } catch {
        // OpenSSL refuses some signatures rather than finding them wrong.
        return false
      }
    },
  }
}

function headerOf(head: string): { readonly alg?: unknown; readonly kid?: unknown; readonly crit?: unknown } {
  const header = decoded(head)
  return typeof header === 'object' && header !== null ? header : {}
}

function decoded(part: string): unknown {
  return parseJson(Buffer.from(part, 'base64url').toString('utf8'))
}

type Check = (algorithm: string, signed: Buffer, signature: Buffer) => boolean

function hmacCheck(secret: Uint8Array): Check {
  return (algorithm, signed, signature) => {
    const expected = createHmac(hashOf(algorithm), secret).update(signed).digest()
    return expected.length === signature.length && timingSafeEqual(expected, signature)
  }
}

function signatureCheck(key: KeyObject): Check {
  return (algorithm, signed, signature) => {
    switch (algorithm.slice(0, 2)) {
      case 'RS':
        return verify(hashOf(algorithm), signed, key, signature)
      case 'PS': {
        const padding = constants.RSA_PKCS1_PSS_PADDING
        return verify(
          hashOf(algorithm),
          signed,
          { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST },
          signature,
        )
      }
      case 'ES':
        return verify(hashOf(algorithm), signed, { key, dsaEncoding: 'ieee-p1363' }, signature)
      default:
        return verify(null, signed, key, signature)
    }
  }
}

function hashOf(algorithm: string): string {
  return `sha${algorithm.slice(2)}`
}

/** Of a private key its public half. Throws on a secret that is none. */
export function readPublicKey({ form, secret }: TokenKey): KeyObject {
  const text = Buffer.from(secret).toString('utf8')
  return form === 'jwk' ? createPublicKey({ key: JSON.parse(text), format: 'jwk' }) : createPublicKey(text)
}
