// A match that covers another takes every request that the other takes: a table, and the matchers themselves as judges.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { coversMatch } from '../../src/rules/coverage.ts'
import { compileRequestMatch } from '../../src/rules/request-match.ts'
import { exact, factsOf, match, oneOf, prefix, present, regex, request, type ShortMatch } from './specs.ts'

const rows: [wide: ShortMatch, narrow: ShortMatch, covers: boolean][] = [
  [{}, { uri: exact('/a') }, true],
  [{ uri: exact('/a') }, {}, false],
  [{ uri: prefix('/') }, { headers: { 'x-a': present } }, true],
  [{ uri: prefix('/a') }, { uri: prefix('/a/b') }, true],
  [{ uri: prefix('/a/b') }, { uri: prefix('/a') }, false],
  [{ uri: prefix('/a') }, { uri: exact('/ab') }, true],
  [{ uri: regex('/a/.*') }, { uri: prefix('/a/b') }, true],
  [{ uri: regex('/a.*') }, { uri: oneOf('/a', '/ab') }, true],
  [{ uri: regex('/a.*') }, { uri: oneOf('/a', '/b') }, false],
  [{ uri: prefix('/A'), ignoreUriCase: true }, { uri: prefix('/a') }, true],
  [{ uri: prefix('/a') }, { uri: prefix('/A'), ignoreUriCase: true }, false],
  [{ headers: { 'x-a': present } }, { headers: { 'x-a': exact('1'), 'x-b': exact('2') } }, true],
  [{ headers: { 'x-a': exact('1'), 'x-b': exact('2') } }, { headers: { 'x-a': exact('1') } }, false],
  [{ cookies: { user: oneOf('a', 'b') } }, { cookies: { user: exact('b') } }, true],
  [{ cookies: { user: regex('j.*') } }, { cookies: { user: regex('j.+') } }, false],
  [{ withoutHeaders: { 'x-a': exact('1') } }, { withoutHeaders: { 'x-a': regex('[0-9]|') } }, true],
  [{ withoutHeaders: { 'x-a': present } }, { withoutHeaders: { 'x-a': exact('1') } }, false],
  [{ clientIp: ['10.0.0.0/8'] }, { clientIp: ['10.1.2.3', '10.9.0.0/16'] }, true],
  [{ clientIp: ['10.0.0.0/8'] }, { clientIp: ['10.1.2.3', '11.0.0.1'] }, false],
  [{ clientIp: ['10.1.0.0/16'] }, { clientIp: ['10.0.0.0/8'] }, false],
  [{ clientIp: ['10.0.0.0/16'] }, { clientIp: ['10.0.0.0/8'] }, false],
  [{ clientIp: ['2001:db8::/32'] }, { clientIp: ['2001:db8:1::/48'] }, true],
  [{ method: exact('GET') }, { method: oneOf('GET') }, true],
  [{ clientIp: ['0.0.0.0/0'] }, { clientIp: ['2001:db8::1'] }, false],
  [{ port: 80 }, { uri: exact('/a') }, false],
  [{ port: 80 }, { port: 8080 }, false],
  [{ port: 80 }, { port: 80, uri: exact('/a') }, true],
  [{ uri: prefix('/a') }, { port: 80, uri: exact('/a') }, true],
  [{ sourceLabels: { app: 'a' } }, { sourceLabels: { app: 'a', version: 'v1' } }, true],
]

describe('a match covers another', () => {
  it.each(rows)('%j over %j: %s', (wide, narrow, covers) => {
    expect(coversMatch(match(wide), match(narrow))).toBe(covers)
  })

  it('only when it takes whatever the other takes', () => {
    const text = fc.constantFrom(
      exact('a'),
      exact('ab'),
      prefix('a'),
      prefix('ab'),
      regex('a.*'),
      regex('[ab]+'),
      oneOf('a', 'b'),
      present,
    )
    const path = fc.constantFrom(exact('/a'), prefix('/a'), prefix('/'), regex('/a.*'), oneOf('/a', '/ab'))
    const short = fc.record(
      {
        uri: path,
        ignoreUriCase: fc.boolean(),
        headers: fc.record({ 'x-a': text, 'x-b': text }, { requiredKeys: [] }),
        withoutHeaders: fc.record({ 'x-a': text }, { requiredKeys: [] }),
        queryParams: fc.record({ k: text }, { requiredKeys: [] }),
        clientIp: fc.subarray(['10.0.0.0/8', '10.1.0.0/16', '10.1.2.3'], { minLength: 1 }),
      },
      { requiredKeys: [] },
    )
    const values = ['a', 'ab', 'b', 'c', '']
    const requests = fc.record({
      path: fc.constantFrom('/', '/a', '/A', '/ab', '/b'),
      query: fc.constantFrom('', ...values.map((value) => `k=${value}`)),
      ip: fc.constantFrom('10.1.2.3', '10.1.9.9', '10.2.0.1', '11.0.0.1'),
      headers: fc.array(fc.tuple(fc.constantFrom('x-a', 'x-b'), fc.constantFrom(...values)), { maxLength: 3 }),
    })
    fc.assert(
      fc.property(short, short, fc.array(requests, { minLength: 20, maxLength: 20 }), (a, b, list) => {
        const [wide, narrow] = [match(a), match(b)]
        if (!coversMatch(wide, narrow)) return
        const [takes, alsoTakes] = [compileRequestMatch(narrow, () => {}), compileRequestMatch(wide, () => {})]
        for (const { headers, ip, ...rest } of list) {
          const facts = factsOf(request({ ...rest, ip, headers }))
          if (takes(facts)) expect(alsoTakes(facts)).toBe(true)
        }
      }),
      { seed: 7, numRuns: 3000 },
    )
  })
})
