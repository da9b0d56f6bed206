import { describe, expect, test } from 'vitest'
import { compileIdentity } from '../../src/affinity/identity.ts'
import { parseAddress } from '../../src/rules/address.ts'
import type { IdentitySource } from '../../src/rules/identity-source.ts'
import type { RequestFacts } from '../../src/rules/types.ts'

const sources: readonly IdentitySource[] = [
  { kind: 'cookie', name: 'user' },
  { kind: 'header', name: 'x-user' },
  { kind: 'clientIp' },
]

function facts(
  cookies: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, readonly string[]>> = {},
  ip = '192.0.2.1',
): RequestFacts {
  return {
    method: 'GET',
    scheme: 'http',
    authority: 'shop.test',
    path: '/',
    query: '',
    port: 8080,
    clientAddress: parseAddress(ip)!,
    sourceLabels: undefined,
    headerLines: (name) => headers[name] ?? [],
    cookie: (name) => cookies[name],
  }
}

function identityOf(identity: readonly IdentitySource[], shown: RequestFacts, ignored: readonly string[] = []) {
  return compileIdentity({ identity, ignoredIdentities: new Set(ignored) })(shown, 0)
}

describe('identity', () => {
  test.each([
    { says: 'the first source wins', cookies: { user: 'jason' }, headers: { 'x-user': ['anna'] }, is: 'jason' },
    { says: 'a missing source passes to the next', cookies: {}, headers: { 'x-user': ['anna'] }, is: 'anna' },
    { says: 'an empty cookie counts as absent', cookies: { user: '' }, headers: { 'x-user': ['anna'] }, is: 'anna' },
    { says: 'an empty header line counts as absent', cookies: {}, headers: { 'x-user': ['', 'anna'] }, is: 'anna' },
    { says: 'the address is what is left', cookies: {}, headers: { 'x-user': [''] }, is: '192.0.2.1' },
    { says: 'values stay as they are', cookies: { user: '007' }, headers: {}, is: '007' },
  ])('$says', ({ cookies, headers, is }) => {
    expect(identityOf(sources, facts(cookies, headers))).toBe(is)
  })

  test('the order of the sources decides, not their kind', () => {
    expect(identityOf(sources.toReversed(), facts({ user: 'jason' }))).toBe('192.0.2.1')
  })

  test('no source that is present means no identity', () => {
    expect(identityOf([{ kind: 'cookie', name: 'user' }], facts({}))).toBeUndefined()
    expect(identityOf([], facts({ user: 'jason' }))).toBeUndefined()
  })
})

describe('values that mean nobody', () => {
  test.each(['null', 'NULL', 'Guest'])('%s passes to the next source', (user) => {
    expect(identityOf(sources, facts({ user }, { 'x-user': ['anna'] }), ['null', 'guest'])).toBe('anna')
  })

  test('a name that only begins like one is somebody', () => {
    expect(identityOf(sources, facts({ user: 'guest7' }), ['null', 'guest'])).toBe('guest7')
  })

  test('without a list every value is somebody', () => {
    expect(compileIdentity({ identity: sources })(facts({ user: 'null' }), 0)).toBe('null')
  })
})

describe('the address as an identity', () => {
  test.each<[string, string, number | undefined]>([
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64', undefined],
    ['2001:db8:1:2:ffff::1', '2001:db8:1:2::/64', undefined],
    ['2001:db8::1', '2001:db8::/64', undefined],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1::/56', 56],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2:3:4:5:6', 128],
    ['::ffff:192.0.2.9', '192.0.2.9', undefined],
  ])('%s is %s', (ip, identity, ipv6Prefix) => {
    const source: IdentitySource = { kind: 'clientIp', ...(ipv6Prefix !== undefined && { ipv6Prefix }) }
    expect(identityOf([source], facts({}, {}, ip))).toBe(identity)
  })
})

describe('a field of a JSON cookie', () => {
  const source: IdentitySource = { kind: 'json', cookie: 'profile', field: 'user.id' }
  const encoded = (json: string): string => encodeURIComponent(json)

  test.each<[string, string, string | undefined]>([
    ['percent-encoded', encoded('{"user":{"id":"jason"}}'), 'jason'],
    ['as it is', '{"user":{"id":"jason"}}', 'jason'],
    ['in base64url', Buffer.from('{"user":{"id":"jason"}}').toString('base64url'), 'jason'],
    ['as Express writes it', encoded('j:{"user":{"id":"jason"}}'), 'jason'],
    ['a number', encoded('{"user":{"id":42}}'), '42'],
    ['a number that no double holds', encoded('{"user":{"id":12345678901234567890}}'), '12345678901234567890'],
    ['a key with the dot in it', encoded('{"user.id":"jason"}'), 'jason'],
    ['bytes of UTF-8, as lists are compared', encoded('{"user":{"id":"zoë"}}'), Buffer.from('zoë').toString('latin1')],
    ['no such field', encoded('{"user":{}}'), undefined],
    ['an object where a text is wanted', encoded('{"user":{"id":{}}}'), undefined],
    ['null', encoded('{"user":{"id":null}}'), undefined],
    ['an empty text', encoded('{"user":{"id":""}}'), undefined],
    ['a value that means nobody', encoded('{"user":{"id":"guest"}}'), undefined],
    ['a field of the prototype', encoded('{"user":{"__proto__":{"id":"jason"}}}'), undefined],
    ['cut off', encoded('{"user":{"id":"jas'), undefined],
    ['a broken escape', '%7B%2', undefined],
    ['no JSON', 'jason', undefined],
    ['too long', `{"user":{"id":"jason"},"more":"${'x'.repeat(5000)}"}`, undefined],
  ])('%s', (_what, profile, identity) => {
    expect(identityOf([source], facts({ profile }), ['guest'])).toBe(identity)
  })

  test('no property that every object has', () => {
    expect(identityOf([{ ...source, field: 'constructor.name' }], facts({ profile: '{}' }))).toBeUndefined()
  })
})
