// Tokens made by another implementation (jose) and read by ours; then each way in which a token must not count.

import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { createTokenReader } from '../../src/affinity/token.ts'
import type { TokenKey, TokenSource } from '../../src/rules/identity-source.ts'
import { loadGood, problemsOf, shortest, withKey } from '../config/configuration-files.ts'

const now = 1_800_000_000
const secret = Buffer.from('a shared secret of a test, 32 bytes and more')
const hmacKey: TokenKey = { id: undefined, algorithms: ['HS256'], form: 'raw', secret }

function source(changes: Partial<TokenSource> = {}): TokenSource {
  const place = { kind: 'cookie', name: 'session' } as const
  return {
    kind: 'jwt',
    place,
    claim: 'sub',
    keys: [hmacKey],
    issuer: undefined,
    audience: undefined,
    leewaySeconds: 60,
    ...changes,
  }
}

function read(token: string, changes?: Partial<TokenSource>, at = now): string | undefined {
  return createTokenReader(source(changes))(token, at)
}

type Claims = Readonly<Record<string, unknown>>
type SigningKey = Parameters<SignJWT['sign']>[0]

function sign(claims: Claims = {}, header: Claims = {}, key: SigningKey = secret): Promise<string> {
  return new SignJWT({ sub: 'jason', ...claims }).setProtectedHeader({ alg: 'HS256', ...header }).sign(key)
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

describe('a token that a key of the configuration signed', () => {
  test.each(['HS256', 'HS384', 'HS512'])('by %s', async (alg) => {
    const keys = [{ ...hmacKey, algorithms: [alg] }]
    const long = Buffer.concat([secret, secret])
    expect(read(await sign({}, { alg }, long), { keys: [{ ...keys[0]!, secret: long }] })).toBe('jason')
  })

  test.each(['RS256', 'RS512', 'PS256', 'PS384', 'ES256', 'ES384', 'ES512', 'EdDSA'])('by %s', async (alg) => {
    const pair = await generateKeyPair(alg, { extractable: true })
    const token = await sign({}, { alg }, pair.privateKey)
    const jwk: TokenKey = {
      id: undefined,
      algorithms: [alg],
      form: 'jwk',
      secret: Buffer.from(JSON.stringify(await exportJWK(pair.publicKey))),
    }
    const pem: TokenKey = { ...jwk, form: 'pem', secret: Buffer.from(await exportSPKI(pair.publicKey)) }
    expect(read(token, { keys: [jwk] })).toBe('jason')
    expect(read(token, { keys: [pem] })).toBe('jason')
    const other = await generateKeyPair(alg)
    expect(read(await sign({}, { alg }, other.privateKey), { keys: [jwk] })).toBeUndefined()
  })

  test.each<[string, Claims, Partial<TokenSource>, string | undefined]>([
    ['another claim', { email: 'j@shop.test' }, { claim: 'email' }, 'j@shop.test'],
    ['a claim further in', { user: { id: 7 } }, { claim: 'user.id' }, '7'],
    ['a claim with dots in its name', { 'https://shop.test/uid': 'u1' }, { claim: 'https://shop.test/uid' }, 'u1'],
    ['a claim that is not there', {}, { claim: 'email' }, undefined],
    ['a claim that is a list', { groups: ['a'] }, { claim: 'groups' }, undefined],
    ['not expired', { exp: now + 1 }, {}, 'jason'],
    ['expired within the leeway', { exp: now - 59 }, {}, 'jason'],
    ['expired', { exp: now - 60 }, {}, undefined],
    ['an exp that is no number', { exp: 'never' }, {}, undefined],
    ['not yet valid', { nbf: now + 61 }, {}, undefined],
    ['valid from now on', { nbf: now + 60 }, {}, 'jason'],
    ['of the issuer', { iss: 'login' }, { issuer: 'login' }, 'jason'],
    ['of another issuer', { iss: 'other' }, { issuer: 'login' }, undefined],
    ['of no issuer', {}, { issuer: 'login' }, undefined],
    ['for us', { aud: 'shop' }, { audience: 'shop' }, 'jason'],
    ['for us and others', { aud: ['bank', 'shop'] }, { audience: 'shop' }, 'jason'],
    ['for others', { aud: ['bank'] }, { audience: 'shop' }, undefined],
    ['for nobody', {}, { audience: 'shop' }, undefined],
  ])('%s', async (_what, claims, changes, is) => {
    expect(read(await sign(claims), changes)).toBe(is)
  })

  test('counts as long as it is valid, though it was read before', async () => {
    const token = await sign({ exp: now + 100 })
    const reader = createTokenReader(source())
    expect([reader(token, now), reader(token, now + 159), reader(token, now + 160)]).toEqual([
      'jason',
      'jason',
      undefined,
    ])
  })

  test('by the key that its kid names', async () => {
    const other: TokenKey = {
      ...hmacKey,
      id: 'old',
      secret: Buffer.from('an older secret of a test, 32 bytes and more'),
    }
    const keys = [other, { ...hmacKey, id: 'new' }]
    expect(read(await sign({}, { kid: 'new' }), { keys })).toBe('jason')
    expect(read(await sign({}, { kid: 'old' }), { keys })).toBeUndefined()
    expect(read(await sign({}, { kid: 'unknown' }), { keys })).toBeUndefined()
    expect(read(await sign(), { keys })).toBe('jason')
  })
})

describe('a token that counts as none', () => {
  let token: string
  beforeAll(async () => {
    token = await sign()
  })

  test('that nobody signed: alg none', () => {
    expect(read(`${part({ alg: 'none' })}.${part({ sub: 'jason' })}.`)).toBeUndefined()
  })

  test('whose public key was taken for a shared secret', async () => {
    const pair = await generateKeyPair('RS256', { extractable: true })
    const pem = Buffer.from(await exportSPKI(pair.publicKey))
    const keys: TokenKey[] = [{ id: undefined, algorithms: ['RS256'], form: 'pem', secret: pem }]
    expect(read(await sign({}, { alg: 'HS256' }, pem), { keys })).toBeUndefined()
  })

  test('of an algorithm that the key is not for', async () => {
    expect(read(await sign({}, { alg: 'HS512' }, Buffer.concat([secret, secret])))).toBeUndefined()
  })

  test('with a critical extension that nobody here knows', async () => {
    const header = part({ alg: 'HS256', crit: ['b64'], b64: true })
    const { createHmac } = await import('node:crypto')
    const mac = createHmac('sha256', secret)
      .update(`${header}.${part({ sub: 'jason' })}`)
      .digest('base64url')
    expect(read(`${header}.${part({ sub: 'jason' })}.${mac}`)).toBeUndefined()
  })

  test('of which one character changed, wherever', () => {
    const reader = createTokenReader(source())
    for (let at = 0; at < token.length; at += 1) {
      const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
      expect(reader(changed, now), changed).toBeUndefined()
    }
    expect(reader(token, now)).toBe('jason')
  })

  test.each(['', '.', '..', '...', 'a.b', 'a.b.c.d', '.a.', 'é.é.é'])('%j', (text) => {
    expect(read(text)).toBeUndefined()
  })

  test('that is longer than any cookie or header should be', async () => {
    expect(read(await sign({ more: 'x'.repeat(9000) }))).toBeUndefined()
  })
})

describe('identity in routes.yaml', () => {
  const jwt = (more: string): string => `identity: [{ jwt: { cookie: session, claim: sub, ${more} } }]\n`
  const written = shortest + withKey
  const fileOf = async (name: string, content: string, more = '') => {
    const configuration = await loadGood(written + jwt(`keys: [{ file: ${name} }]${more}`), { [name]: content })
    return (configuration.releases[0]!.identity[0] as TokenSource).keys.map(({ id, algorithms, form }) => ({
      id,
      algorithms,
      form,
    }))
  }
  const jwkOf = async (alg: string, more: Claims = {}) => {
    const pair = await generateKeyPair(alg, { extractable: true })
    return { ...(await exportJWK(pair.publicKey)), ...more }
  }

  test('a JWK Set gives its keys, each for its algorithm, and none that is for encryption', async () => {
    const set = {
      keys: [
        await jwkOf('RS256', { kid: 'a', use: 'sig' }),
        await jwkOf('RS256', { kid: 'b', alg: 'PS256' }),
        await jwkOf('ES256', { kid: 'c', use: 'enc' }),
        await jwkOf('ES384', { kid: 'd' }),
        { kty: 'future', kid: 'e' },
      ],
    }
    expect(await fileOf('jwks.json', JSON.stringify(set))).toEqual([
      { id: 'a', algorithms: ['RS256'], form: 'jwk' },
      { id: 'b', algorithms: ['PS256'], form: 'jwk' },
      { id: 'd', algorithms: ['ES384'], form: 'jwk' },
    ])
  })

  test('PEM and secrets are told apart by their look, and algorithms narrows or widens', async () => {
    const pair = await generateKeyPair('RS256', { extractable: true })
    const pem = await exportSPKI(pair.publicKey)
    expect(await fileOf('key.pem', pem)).toEqual([{ id: undefined, algorithms: ['RS256'], form: 'pem' }])
    expect(await fileOf('key.pem', pem, ', algorithms: [RS256, PS256]')).toEqual([
      { id: undefined, algorithms: ['RS256', 'PS256'], form: 'pem' },
    ])
    expect(await fileOf('secret', secret.toString())).toEqual([{ id: undefined, algorithms: ['HS256'], form: 'raw' }])
  })

  test('the configuration shows no key', async () => {
    const { configurationJson } = await import('../../src/admin/configuration-json.ts')
    const configuration = await loadGood(written + jwt('keys: [{ file: s }]'), { s: secret.toString() })
    expect(JSON.stringify(configurationJson(configuration))).not.toContain('a shared secret')
  })

  test('another key is another configuration', async () => {
    const hashWith = async (content: string) =>
      (await loadGood(written + jwt('keys: [{ file: s }]'), { s: content })).hash
    expect(await hashWith('a'.repeat(32))).not.toBe(await hashWith('b'.repeat(32)))
  })

  test.each<[string, string, Record<string, string>, string]>([
    [
      'a key that is no key',
      'keys: [{ file: k }]',
      { k: '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----' },
      'error key: not a public key',
    ],
    ['a JWK Set that is cut off', 'keys: [{ file: k }]', { k: '{"keys":' }, 'error key: not a JWK Set'],
    ['an empty JWK Set', 'keys: [{ file: k }]', { k: '{"keys":[]}' }, 'error key: a JWK Set without a key'],
    [
      'a shared secret for an algorithm of public keys',
      'keys: [{ file: k }]',
      { k: JSON.stringify({ kty: 'oct', alg: 'RS256', k: Buffer.alloc(32, 7).toString('base64url') }) },
      'error key: alg "RS256" is not for such a key',
    ],
    ['a short secret', 'keys: [{ env: SHORT_KEY }]', {}, 'error key: this secret has 5 bytes; at least 32 are needed'],
    [
      'a variable that is not set',
      'keys: [{ env: NO_KEY }]',
      {},
      'error key: the environment variable NO_KEY is not set',
    ],
    ['a file that is not there', 'keys: [{ file: k }]', {}, 'error file: k: there is no such file'],
    [
      'an algorithm for no key',
      'keys: [{ env: GRAYLANE_KEY }], algorithms: [RS256]',
      {},
      'error value: RS256 fits none of the keys',
    ],
    ['an algorithm that is none', 'keys: [{ env: GRAYLANE_KEY }], algorithms: [none]', {}, '"none" is not HS256'],
    [
      'two places',
      'header: authorization, keys: [{ env: GRAYLANE_KEY }]',
      {},
      'error value: a token comes from cookie or from header',
    ],
    ['no key', 'keys: []', {}, 'keys lists nothing'],
    ['a secret in the file', 'secret: abc, keys: [{ env: GRAYLANE_KEY }]', {}, 'a key comes from env or from file'],
  ])('%s is told', async (_what, more, files, message) => {
    const problems = await problemsOf(written + jwt(more), files)
    expect(problems.join('\n')).toContain(message)
    expect(problems[0]).toMatch(/^routes\.yaml:6:\d+: /)
  })

  test.each<[string, string, string]>([
    [
      'two kinds in one item',
      'identity: [{ json: { cookie: a, field: b }, clientIp: {} }]',
      'error value: an identity source is one of jwt, json and clientIp',
    ],
    ['an item of no kind', 'identity: [{}]', 'error value: an identity source is one of jwt, json and clientIp'],
    [
      'a user who is nobody',
      'identity: [cookies.user]\ngray: [{ version: v2, users: [anna, Guest] }]',
      'warning no-effect: identity "Guest" means nobody',
    ],
  ])('%s is told', async (_what, lines, message) => {
    expect((await problemsOf(`${written}${lines}\n`)).join('\n')).toContain(message)
  })

  test('what means nobody is a list of its own', async () => {
    const { releases } = await loadGood(`${written}identity: { from: [cookies.user], ignore: [Nemo] }\n`)
    expect(releases[0]?.ignoredIdentities).toEqual(new Set(['nemo']))
    const usual = await loadGood(`${written}identity: [cookies.user]\n`)
    expect(usual.releases[0]?.ignoredIdentities?.has('undefined')).toBe(true)
  })
})
