import { describe, expect, test } from 'vitest'
import { readIdentity } from '../../src/affinity/identity.ts'
import type { IdentitySource, RequestFacts } from '../../src/rules/types.ts'

const sources: readonly IdentitySource[] = [
  { kind: 'cookie', name: 'user' },
  { kind: 'header', name: 'x-user' },
  { kind: 'clientIp' },
]

function facts(cookies: Record<string, string>, headers: Record<string, readonly string[]>): RequestFacts {
  return {
    method: 'GET',
    scheme: 'http',
    authority: 'shop.test',
    path: '/',
    query: '',
    port: 8080,
    clientAddress: { family: 4, value: 0xc0000201, text: '192.0.2.1' },
    sourceLabels: undefined,
    headerLines: (name) => headers[name] ?? [],
    cookie: (name) => cookies[name],
  }
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
    expect(readIdentity(sources, facts(cookies, headers))).toBe(is)
  })

  test('the order of the sources decides, not their kind', () => {
    expect(readIdentity(sources.toReversed(), facts({ user: 'jason' }, {}))).toBe('192.0.2.1')
  })

  test('no source that is present means no identity', () => {
    expect(readIdentity([{ kind: 'cookie', name: 'user' }], facts({}, {}))).toBeUndefined()
    expect(readIdentity([], facts({ user: 'jason' }, {}))).toBeUndefined()
  })
})
