import { describe, expect, test } from 'vitest'
import { compileRequestMatch, readsTarget } from '../../src/rules/request-match.ts'
import type { RouteProblem } from '../../src/rules/route-problem.ts'
import { compileFirstExplicit } from '../../src/rules/rule-index.ts'
import type { GrayRule } from '../../src/rules/types.ts'
import { matchCases } from './match-cases.ts'
import { naiveMatches } from './naive-reference.ts'
import { exact, factsOf, match, place, prefix, present, regex } from './specs.ts'

const noProblem = (problem: RouteProblem): never => {
  throw new Error(problem.message)
}
const someRule: GrayRule = { index: 0, version: 'v2', label: 'some', place: place(), onUnavailable: 'stable' }

describe.each(matchCases)('$says', ({ spec, request, fits }) => {
  test('by the compiled matcher', () => {
    expect(compileRequestMatch(spec, noProblem)(factsOf(request))).toBe(fits)
  })

  test('by the index', () => {
    const condition = { kind: 'match', items: [spec] } as const
    const firstExplicit = compileFirstExplicit([{ rule: someRule, condition }], noProblem)
    expect(firstExplicit(factsOf(request), undefined)).toBe(fits ? someRule : undefined)
  })

  test('by the naive reference', () => {
    expect(naiveMatches(spec, request)).toBe(fits)
  })
})

test.each(matchCases.filter(({ spec }) => !readsTarget(spec)))(
  '$says, whatever the target',
  ({ spec, request, fits }) => {
    const matches = compileRequestMatch(spec, noProblem)
    for (const [path, query] of [
      ['/', ''],
      ['/elsewhere', 'b=1&beta=1'],
    ] as const) {
      expect(matches({ ...factsOf(request), path, query })).toBe(fits)
    }
  },
)

test.each([
  ['uri', { uri: prefix('/a') }, true],
  ['query', { queryParams: { a: present } }, true],
  ['field :path', { headers: { ':Path': prefix('/a') } }, true],
  ['field :path that must not be', { withoutHeaders: { ':Path': prefix('/a') } }, true],
  ['host', { authority: exact('a.test'), headers: { ':authority': exact('a.test') } }, false],
  ['field or cookie', { headers: { path: exact('/') }, cookies: { a: present } }, false],
])('knows whether a match looks at the target: %s', (_, spec, looks) => {
  expect(readsTarget(match(spec))).toBe(looks)
})

test('says where a regex does not parse, and what is wrong with it', () => {
  const problems: RouteProblem[] = []
  compileRequestMatch(match({ headers: { 'x-a': regex('a++') } }), (problem) => problems.push(problem))
  expect(problems).toEqual([
    { place: place(99), message: 'regex "a++": error parsing regexp: invalid nested repetition operator: `++`' },
  ])
})

test('says which entry of clientIp is no address', () => {
  const problems: RouteProblem[] = []
  compileRequestMatch(match({ clientIp: ['10.0.0.1', '010.8.0.1'] }), (problem) => problems.push(problem))
  expect(problems).toEqual([{ place: place(), message: 'clientIp: "010.8.0.1" is not an address or CIDR' }])
})
