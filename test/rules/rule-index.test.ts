import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileRoutes } from '../../src/rules/compile.ts'
import type { GrayRuleSpec, Release } from '../../src/rules/release.ts'
import type { RequestFacts } from '../../src/rules/types.ts'
import { naiveFirstExplicit } from './naive-reference.ts'
import {
  exact,
  factsOf,
  matches,
  oneOf,
  prefix,
  present,
  regex,
  release,
  request,
  rule,
  share,
  type ShortMatch,
  users,
} from './specs.ts'

function compile(gray: readonly GrayRuleSpec[]): Release {
  const compiled = compileRoutes([release({ gray })])
  if ('problems' in compiled) throw new Error(compiled.problems[0]?.message)
  return compiled.table.releases[0] as Release
}

// --- random rules and requests over few names and values, so that they meet ------------------------------------------------------

const word = fc.constantFrom('a', 'b', 'ab', 'é', '')
const stringMatch = fc.oneof(
  { weight: 4, arbitrary: word.map(exact) },
  { weight: 2, arbitrary: fc.array(word, { maxLength: 3 }).map((values) => oneOf(...values)) },
  { weight: 1, arbitrary: fc.constantFrom('a', 'b').map(prefix) },
  { weight: 1, arbitrary: fc.constantFrom('a|b', 'a.*', '.b', 'ab', '(a)b?').map(regex) },
  { weight: 1, arbitrary: fc.constant(present) },
)
const named = (...names: readonly string[]) =>
  fc.dictionary(fc.constantFrom(...names), stringMatch, { minKeys: 1, maxKeys: 2 })
const ip = fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.1.1', '192.168.0.58', '2001:db8::1', '2001:db8:1::1')
const cidr = fc.constantFrom(
  '10.0.0.1',
  '10.0.0.0/24',
  '10.0.0.0/8',
  '10.0.0.2/31',
  '0.0.0.0/0',
  '2001:db8::/32',
  '2001:db8::1',
  '::/0',
)
const item: fc.Arbitrary<ShortMatch> = fc.record(
  {
    uri: fc.constantFrom('/a', '/b').map(exact),
    method: fc.constantFrom('GET', 'POST').map(exact),
    headers: named('x-a', 'x-b', 'cookie'),
    withoutHeaders: named('x-a', 'x-c'),
    queryParams: named('k', 'l'),
    cookies: named('user', 'group'),
    clientIp: fc.array(cidr, { minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: [] },
)
const condition = fc.oneof(
  { weight: 5, arbitrary: fc.array(item, { minLength: 1, maxLength: 2 }).map((items) => matches(...items)) },
  {
    weight: 1,
    arbitrary: fc.array(fc.constantFrom('ann', 'jürgen', 'bob'), { maxLength: 2 }).map((names) => users(...names)),
  },
  { weight: 1, arbitrary: fc.constant(share(100)) },
)
const rules = fc
  .array(condition, { maxLength: 12 })
  .map((conditions) => conditions.map((each, index) => rule(`r${index}`, 'v2', each)))
const header = fc.oneof(
  fc.tuple(fc.constantFrom('x-a', 'X-B', 'x-c'), word),
  fc.tuple(fc.constant('cookie'), fc.constantFrom('user=a', 'user=b; group=a', 'group=ab', 'a')),
)
const plainRequest = fc
  .record({
    path: fc.constantFrom('/a', '/b', '/c'),
    method: fc.constantFrom('GET', 'POST'),
    query: fc.constantFrom('', 'k=a', 'l=b&k=ab', 'k', 'k=b&k=a'),
    ip,
    headers: fc.array(header, { maxLength: 4 }),
  })
  .map(request)
const identity = fc.constantFrom(undefined, 'ann', 'bob', 'j\u00c3\u00bcrgen', 'nobody')

test('the index hits the very rule that a walk from top to bottom hits first', () => {
  const seen = { hits: 0, misses: 0, later: 0 }
  fc.assert(
    fc.property(rules, fc.array(fc.tuple(plainRequest, identity), { minLength: 3, maxLength: 3 }), (gray, visits) => {
      const { firstExplicit } = compile(gray)
      for (const [plain, who] of visits) {
        const first = naiveFirstExplicit(gray, plain, who)
        expect(firstExplicit(factsOf(plain), who)?.index ?? -1).toBe(first)
        seen[first === -1 ? 'misses' : 'hits'] += 1
        if (first > 2) seen.later += 1
      }
    }),
    { numRuns: 1000 },
  )
  // The property is worth nothing if the samples never meet.
  expect(Math.min(seen.hits, seen.misses, seen.later)).toBeGreaterThan(100)
})

// --- what the index is for: questions asked, not time ------------------------------------------------------------------------------

/** Counts how often each fact is asked for. */
function counted(facts: RequestFacts): { readonly facts: RequestFacts; readonly asked: () => number } {
  let asked = 0
  const counting: RequestFacts = {
    ...facts,
    headerLines: (name) => {
      asked += 1
      return facts.headerLines(name)
    },
    cookie: (name) => {
      asked += 1
      return facts.cookie(name)
    },
  }
  return { facts: counting, asked: () => asked }
}

const thousand = Array.from({ length: 1000 }, (_, index) => index)

test('a thousand exact rules on a header and a cookie are two questions', () => {
  const { firstExplicit } = compile(
    thousand.map((index) =>
      rule(
        `r${index}`,
        'v2',
        matches(
          index % 2 === 0 ? { headers: { 'x-user': exact(`u${index}`) } } : { cookies: { user: exact(`u${index}`) } },
        ),
      ),
    ),
  )
  const none = counted(factsOf(request()))
  expect(firstExplicit(none.facts, undefined)).toBeUndefined()
  expect(none.asked()).toBe(2)
  const last = counted(factsOf(request({ headers: [['cookie', 'user=u999']] })))
  expect(firstExplicit(last.facts, undefined)?.index).toBe(999)
})

test('rules that share one value are told apart by the other', () => {
  const { firstExplicit } = compile(
    thousand.map((index) =>
      rule(`r${index}`, 'v2', matches({ cookies: { beta: exact('1') }, headers: { 'x-tenant': exact(`t${index}`) } })),
    ),
  )
  const visit = counted(
    factsOf(
      request({
        headers: [
          ['cookie', 'beta=1'],
          ['x-tenant', 't998'],
        ],
      }),
    ),
  )
  expect(firstExplicit(visit.facts, undefined)?.index).toBe(998)
  expect(visit.asked()).toBe(2)
})

test('a rule that cannot be indexed is not asked when one above it hits', () => {
  const { firstExplicit } = compile([
    rule('above', 'v2', matches({ clientIp: ['203.0.113.0/24'] })),
    rule('below', 'v3', matches({ headers: { 'x-a': regex('[ab]+') } })),
  ])
  const visit = counted(factsOf(request({ headers: [['x-a', 'ab']] })))
  expect(firstExplicit(visit.facts, undefined)?.label).toBe('above')
  expect(visit.asked()).toBe(0)
})

test('a rule that cannot be indexed wins over indexed ones below it', () => {
  const { firstExplicit } = compile([
    rule('above', 'v3', matches({ headers: { 'x-a': regex('[ab]+') } })),
    rule('below', 'v2', matches({ clientIp: ['203.0.113.0/24'] })),
  ])
  expect(firstExplicit(factsOf(request({ headers: [['x-a', 'ab']] })), undefined)?.label).toBe('above')
  expect(firstExplicit(factsOf(request()), undefined)?.label).toBe('below')
})

test('an indexed rule is not looked for when one above it hits', () => {
  const { firstExplicit } = compile([
    rule('above', 'v2', matches({ clientIp: ['203.0.113.0/24'] })),
    rule('below', 'v3', matches({ headers: { 'x-a': exact('a') } })),
  ])
  const visit = counted(factsOf(request({ headers: [['x-a', 'a']] })))
  expect(firstExplicit(visit.facts, undefined)?.label).toBe('above')
  expect(visit.asked()).toBe(0)
})

test('a hit on one attribute is not overtaken by a later rule on another that begins above it', () => {
  const { firstExplicit } = compile([
    rule('a', 'v2', matches({ headers: { 'x-a': exact('other') } })),
    rule('b', 'v2', matches({ cookies: { user: exact('other') } })),
    rule('c', 'v2', matches({ headers: { 'x-a': exact('a') } })),
    rule('d', 'v3', matches({ cookies: { user: exact('jason') } })),
  ])
  const headers = [
    ['x-a', 'a'],
    ['cookie', 'user=jason'],
  ] as const
  expect(firstExplicit(factsOf(request({ headers })), undefined)?.label).toBe('c')
})

/** Counts how often it is walked from end to end. */
class WatchedSet extends Set<string> {
  walks = 0

  override [Symbol.iterator](): SetIterator<string> {
    this.walks += 1
    return super[Symbol.iterator]()
  }
}

test('lists of users too long to copy are looked into where they are', () => {
  const many = new WatchedSet(Array.from({ length: 20_000 }, (_, index) => `user-${index}`))
  const { firstExplicit } = compile([
    rule('few', 'v3', users('user-7')),
    rule('many', 'v2', { kind: 'users', users: many }),
  ])
  expect(firstExplicit(factsOf(request()), 'user-7')?.label).toBe('few')
  expect(firstExplicit(factsOf(request()), 'user-19999')?.label).toBe('many')
  expect(firstExplicit(factsOf(request()), 'nobody')).toBeUndefined()
  expect(firstExplicit(factsOf(request()), undefined)).toBeUndefined()
  // Once, to see that all of it is ASCII.
  expect(many.walks).toBe(1)
})
