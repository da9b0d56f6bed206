// Request targets: what is refused, what is repaired, and that the path matched is the path sent.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { normalizeTarget } from '../../src/proxy/target.ts'
import type { TargetMode } from '../../src/proxy/target.ts'

function normal(target: string, mode: TargetMode = 'strict'): string | undefined {
  const result = normalizeTarget(target, mode, 'GET')
  return result.ok ? result.target : undefined
}

describe('strict', () => {
  it.each([
    ['/', '/'],
    ['/a/b?c=d', '/a/b?c=d'],
    ['/%61pi/%7Eu', '/api/~u'],
    ['/a%2Fb%5Cc', '/a%2Fb%5Cc'],
    ['/a//b///c/', '/a/b/c/'],
    ['//', '/'],
    ['/a/./b/../c', '/a/c'],
    ['/a/%2e%2E/b', '/b'],
    ['/a/..', '/'],
    ['/a/b/.', '/a/b/'],
    ['/a//../b', '/b'],
    ['/.well-known/x', '/.well-known/x'],
    ['/...', '/...'],
    ['/a;/../b', '/b'],
    ['/a%252e', '/a%252e'],
    ['/a?x=/../y//z%zz\\', '/a?x=/../y//z%zz\\'],
    ['/a?', '/a?'],
    ['/%41%2F..b%2F...%2F.b;c', '/A%2F..b%2F...%2F.b;c'],
    ['/a?..%2f..;/b', '/a?..%2f..;/b'],
    ['/__proto__', '/__proto__'],
  ])('%s is sent as %s', (target, expected) => expect(normal(target)).toBe(expected))

  it.each([
    'a',
    '?x=1',
    '',
    '/a#b',
    '/a?b#c',
    '/a\\b',
    '/caf\xc3\xa9',
    '/a?\xe9',
    '/a\x7f',
    '/a b',
    '/a%00b',
    '/a%zz',
    '/a%4',
    '/a%',
    '/..',
    '/a/../../b',
    '/%2e%2e/a',
    '*',
    '/\u0141',
    '/a/..%2fb',
    '/a%2F..%2Fb',
    '/a%2f..',
    '/a%5c../b',
    '/a/%2e%2E%2fb',
    '/a/.%5Cb',
    '/a/..;/b',
    '/a/..;x=y/b',
    '/.;/b',
    '/a/%2e%2e;b',
    '/a/..%3bb',
  ])('%j is refused', (target) => expect(normal(target)).toBeUndefined())

  it('takes * from OPTIONS', () => {
    expect(normalizeTarget('*', 'strict', 'OPTIONS')).toEqual({ ok: true, target: '*', path: '*', query: '' })
  })

  it('splits at the first question mark', () => {
    expect(normalizeTarget('/a//b?c?d', 'strict', 'GET')).toEqual({
      ok: true,
      target: '/a/b?c?d',
      path: '/a/b',
      query: 'c?d',
    })
  })

  it('gives back the very string when there is nothing to do', () => {
    const target = '/shop/items/17?sort=price'
    const result = normalizeTarget(target, 'strict', 'GET')
    expect(result.ok && Object.is(result.target, target)).toBe(true)
  })

  const piece = fc.constantFrom(
    '/',
    '//',
    '.',
    '..',
    '%2e',
    '%2E',
    '%2f',
    'a',
    '%61',
    ';',
    '%25',
    '%',
    '?',
    '~',
    '%7e',
    '\\',
    '#',
    'é',
  )

  it('has one form only: what came out goes in unchanged', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const once = normal(`/${pieces.join('')}`)
        if (once === undefined) return
        expect(normal(once)).toBe(once)
        const path = once.split('?', 1)[0]!
        expect(
          path
            .split('/')
            .slice(1)
            .some((segment) => segment === '.' || segment === '..'),
        ).toBe(false)
        expect(path).not.toMatch(/\/\/|%2e|%61|[\\#]/i)
      }),
      { numRuns: 3000 },
    )
  })
})

describe("Istio's modes (measured on Istio 1.31 with Envoy 1.40)", () => {
  it.each([
    ['/a//b', '/a//b', '/a//b', '/a/b'],
    ['//a', '//a', '//a', '/a'],
    ['/a/../b', '/a/../b', '/b', '/b'],
    ['/../a', '/../a', '/a', '/a'],
    ['/a/%2e%2e/b', '/a/%2e%2e/b', '/b', '/b'],
    ['/a%2fb', '/a%2fb', '/a%2fb', '/a%2fb'],
    ['/a%5Cb', '/a%5Cb', '/a%5Cb', '/a%5Cb'],
    ['/a\\b', '/a\\b', '/a/b', '/a/b'],
    ['/%61', '/%61', '/a', '/a'],
    ['/a%20b', '/a%20b', '/a%20b', '/a%20b'],
    ['/a%zz', '/a%zz', '/a%zz', '/a%zz'],
    ['/a%', '/a%', '/a%', '/a%'],
    ['/a%00b', '/a%00b', undefined, undefined],
    ['/a;/../b', '/a;/../b', '/b', '/b'],
    ['/a/b?x=/../y', '/a/b?x=/../y', '/a/b?x=/../y', '/a/b?x=/../y'],
    ['/\xc3\xa9', undefined, undefined, undefined],
    ['/a#b', '/a', '/a', '/a'],
    ['/e?v=2#', '/e?v=2', '/e?v=2', '/e?v=2'],
    ['/a/b/..', '/a/b/..', '/a/', '/a/'],
    ['/%7Eu', '/%7Eu', '/~u', '/~u'],
    ['/a|b"c', '/a|b"c', '/a%7Cb%22c', '/a%7Cb%22c'],
    ['/a^b{}a', '/a^b{}a', '/a%5Eb%7B%7Da', '/a%5Eb%7B%7Da'],
    ['?x=1', undefined, undefined, undefined],
  ])('%s', (target, none, base, merge) => {
    expect([normal(target, 'NONE'), normal(target, 'BASE'), normal(target, 'MERGE_SLASHES')]).toEqual([
      none,
      base,
      merge,
    ])
  })

  it('DECODE_AND_MERGE_SLASHES also turns escaped slashes into slashes, and forwards them', () => {
    expect(normal('/a%2Fb%5c%2fc/..%2fd', 'DECODE_AND_MERGE_SLASHES')).toBe('/a/b/d')
  })
})
