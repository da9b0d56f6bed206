// `identity` in its long form: the sources in their order, the keys that verify tokens, and the values that mean nobody.

import { hash, type KeyObject } from 'node:crypto'
import { secretBytesAtLeast } from '../affinity/key-ring.ts'
import { readPublicKey } from '../affinity/token.ts'
import type { IdentitySource, TokenKey, TokenSource } from '../rules/identity-source.ts'
import type { ReleaseSpec } from '../rules/release.ts'
import { complain, type Draft, warn } from './draft.ts'
import { readKey } from './key-source.ts'
import { quote } from './problem.ts'
import type { IdentitySourceText, TokenText } from './schema-identity.ts'
import { durationMs } from './written-values.ts'

/** What programs write when nobody is logged in. */
const nobody = (
  'null,undefined,nil,none,nan,false,0,-1,-,guest,anonymous,anon,unknown,visitor,[object object],' +
  '00000000-0000-0000-0000-000000000000'
).split(',')

/** Algorithms that each kind of key may be used for, the usual one first (RFC 7518 3.1, RFC 8037). */
const algorithmsOf: Readonly<Record<string, readonly string[]>> = {
  raw: ['HS256', 'HS384', 'HS512'],
  rsa: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  'rsa-pss': ['PS256', 'PS384', 'PS512'],
  prime256v1: ['ES256'],
  secp384r1: ['ES384'],
  secp521r1: ['ES512'],
  ed25519: ['EdDSA'],
  ed448: ['EdDSA'],
}

export async function identitySpec(draft: Draft): Promise<Pick<ReleaseSpec, 'identity' | 'ignoredIdentities'>> {
  const { identity } = draft.document
  const [from, ignore] = Array.isArray(identity) ? [identity, undefined] : [identity.from, identity.ignore]
  const identitySources: IdentitySource[] = []
  for (const source of from) {
    const spec = await sourceSpec(draft, source)
    if (spec !== undefined) identitySources.push(spec)
  }
  const ignoredIdentities = new Set((ignore ?? nobody).map((value) => value.toLowerCase()))
  warnOfIgnoredUsers(draft, ignoredIdentities)
  return { identity: identitySources, ignoredIdentities }
}

async function sourceSpec(draft: Draft, source: IdentitySourceText): Promise<IdentitySource | undefined> {
  if (typeof source === 'string') return shortSource(source)
  const { jwt, json, clientIp } = source
  const given = Object.keys(source)
  if (given.length !== 1) {
    complain(draft, source, given[1], 'value', 'an identity source is one of jwt, json and clientIp')
    return undefined
  }
  if (clientIp !== undefined) return { kind: 'clientIp', ipv6Prefix: clientIp.ipv6Prefix }
  if (json !== undefined) return { kind: 'json', ...json }
  return jwt && tokenSource(draft, jwt)
}

function shortSource(source: string): IdentitySource {
  if (source.startsWith('cookies.')) return { kind: 'cookie', name: source.slice('cookies.'.length) }
  if (source.startsWith('headers.')) return { kind: 'header', name: source.slice('headers.'.length).toLowerCase() }
  return { kind: 'clientIp' }
}

/** A visitor of that name is never seen. */
function warnOfIgnoredUsers(draft: Draft, ignored: ReadonlySet<string>): void {
  for (const { users } of draft.document.gray) {
    if (!Array.isArray(users)) continue
    for (const [index, user] of users.entries()) {
      if (!ignored.has(user.toLowerCase())) continue
      const message = `identity ${quote(user)} means nobody: list in identity.ignore what does`
      warn(draft, users, index, 'no-effect', message)
    }
  }
}

// --- tokens ----------------------------------------------------------------------------------------------------------------------------------

async function tokenSource(draft: Draft, jwt: TokenText): Promise<TokenSource | undefined> {
  const { cookie, header, claim, issuer, audience, leeway } = jwt
  if ((cookie === undefined) === (header === undefined)) {
    complain(draft, jwt, undefined, 'value', 'a token comes from cookie or from header: { cookie: session }')
    return undefined
  }
  const keys: TokenKey[] = []
  for (const source of jwt.keys) keys.push(...(await tokenKeys(draft, source)))
  return {
    kind: 'jwt',
    place:
      cookie === undefined
        ? { kind: 'header', name: (header as string).toLowerCase() }
        : { kind: 'cookie', name: cookie },
    claim,
    keys: jwt.algorithms === undefined ? keys : narrowed(draft, jwt, jwt.algorithms, keys),
    issuer,
    audience,
    leewaySeconds: Math.ceil(durationMs(leeway) / 1000),
  }
}

/** The written list is what is accepted; each of it has to fit a key, for a token of that kind could never count. */
function narrowed(draft: Draft, jwt: TokenText, algorithms: readonly string[], keys: readonly TokenKey[]): TokenKey[] {
  const fitting = keys.map((key) => ({ ...key, algorithms: algorithms.filter((name) => mayUse(key, name)) }))
  for (const [index, name] of algorithms.entries()) {
    if (keys.length === 0 || fitting.some((key) => key.algorithms.includes(name))) continue
    complain(draft, jwt.algorithms as readonly string[], index, 'value', `${name} fits none of the keys`)
  }
  return fitting.filter((key) => key.algorithms.length > 0)
}

function mayUse(key: TokenKey, algorithm: string): boolean {
  // A JWK that names its algorithm is for that one alone.
  return key.algorithms.includes(algorithm) || (key.form !== 'jwk' && suitable(key).includes(algorithm))
}

function suitable(key: TokenKey): readonly string[] {
  return key.form === 'raw' ? (algorithmsOf['raw'] as readonly string[]) : algorithmsFor(publicKey(key) as KeyObject)
}

type KeySource = TokenText['keys'][number]

async function tokenKeys(draft: Draft, source: KeySource): Promise<readonly TokenKey[]> {
  const bytes = await readKey(draft, source, '{ file: jwks.json }')
  if (bytes === undefined) return []
  draft.sources.mixIntoDigest(hash('sha256', bytes, 'hex').slice(0, 16))
  const read = readTokenKeys(bytes)
  if (typeof read !== 'string') return read
  complain(draft, source, source.env === undefined ? 'file' : 'env', 'key', read)
  return []
}

/** The keys of a JWK Set, a JWK, PEM or a secret, by the look of it; or what is wrong. */
function readTokenKeys(bytes: Uint8Array): readonly TokenKey[] | string {
  const text = Buffer.from(bytes).toString('utf8').trim()
  if (text.startsWith('{')) return readJwks(text)
  const pem = text.indexOf('-----BEGIN ')
  // OpenSSL writes what a key is for above it. Taken for a secret, it would be one that everybody knows.
  if (pem !== -1) {
    const key: TokenKey = { id: undefined, algorithms: [], form: 'pem', secret: Buffer.from(text.slice(pem)) }
    const object = publicKey(key)
    return typeof object === 'string' ? object : withUsual(key, algorithmsFor(object))
  }
  return tooShort(bytes) ?? withUsual({ id: undefined, algorithms: [], form: 'raw', secret: bytes }, ['HS256'])
}

function withUsual(key: TokenKey, algorithms: readonly string[]): readonly TokenKey[] | string {
  const [usual] = algorithms
  return usual === undefined ? 'a key of a kind that no algorithm here uses' : [{ ...key, algorithms: [usual] }]
}

interface Jwk {
  readonly kty?: unknown
  readonly kid?: unknown
  readonly alg?: unknown
  readonly use?: unknown
  readonly k?: unknown
}

/** RFC 7517. A set's keys that are not for signatures, or of a kind not known here, are left out as section 5 asks; a set without any other is an error. */
function readJwks(text: string): readonly TokenKey[] | string {
  let json: Jwk & { readonly keys?: unknown }
  try {
    json = JSON.parse(text) as typeof json
  } catch (error) {
    return `not a JWK Set: ${(error as Error).message}`
  }
  const isSet = Array.isArray(json.keys)
  const read = (isSet ? (json.keys as Jwk[]) : [json]).map(readJwk)
  const keys = read.filter((key) => typeof key === 'object')
  const [problem] = read.filter((key) => typeof key === 'string')
  if (keys.length > 0 && (isSet || problem === undefined)) return keys
  return problem ?? 'a JWK Set without a key'
}

function readJwk(jwk: Jwk): TokenKey | string {
  if (jwk === null || typeof jwk !== 'object') return 'not a JWK'
  if (jwk.use !== undefined && jwk.use !== 'sig') return 'this JWK is not for signatures'
  const id = typeof jwk.kid === 'string' ? jwk.kid : undefined
  const named = typeof jwk.alg === 'string' ? jwk.alg : undefined
  if (jwk.kty === 'oct') {
    const secret = Buffer.from(typeof jwk.k === 'string' ? jwk.k : '', 'base64url')
    const problem = tooShort(secret)
    if (problem !== undefined) return problem
    const isForSecrets = named === undefined || algorithmsOf['raw']?.includes(named) === true
    return isForSecrets
      ? { id, algorithms: [named ?? 'HS256'], form: 'raw', secret }
      : `alg ${quote(named)} is not for such a key`
  }
  const key: TokenKey = { id, algorithms: [], form: 'jwk', secret: Buffer.from(JSON.stringify(jwk)) }
  const object = publicKey(key)
  if (typeof object === 'string') return object
  const algorithms = algorithmsFor(object)
  if (named !== undefined && !algorithms.includes(named)) return `alg ${quote(named)} is not for such a key`
  return { ...key, algorithms: named === undefined ? algorithms.slice(0, 1) : [named] }
}

function tooShort({ byteLength }: Uint8Array): string | undefined {
  return byteLength < secretBytesAtLeast
    ? `this secret has ${byteLength} bytes; at least ${secretBytesAtLeast} are needed`
    : undefined
}

/** The public half: that of a private key is enough, and all that is kept in use. */
function publicKey(key: TokenKey): KeyObject | string {
  try {
    return readPublicKey(key)
  } catch (error) {
    return `not a public key: ${(error as Error).message}`
  }
}

function algorithmsFor(key: KeyObject): readonly string[] {
  const kind = key.asymmetricKeyType === 'ec' ? key.asymmetricKeyDetails?.namedCurve : key.asymmetricKeyType
  return algorithmsOf[kind ?? ''] ?? []
}
