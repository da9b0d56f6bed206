import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { compileFirstMatch, type Way } from '../../src/rules/first-match.ts'
import { compilePrefixIndex } from '../../src/rules/prefix-index.ts'
import { compileConditions } from '../../src/rules/request-match.ts'
import type { RequestFacts, RequestMatchSpec } from '../../src/rules/types.ts'

const place = { file: 'routes.yaml', line: 1, column: 1 }
// Few letters, so that prefixes meet, split and contain each other.
const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 5 })

describe('the prefix index', () => {
  it('finds every prefix of a text, the shorter before the longer, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(text), text, (prefixes, value) => {
        const index = compilePrefixIndex(prefixes.map((prefix, at) => [prefix, at] as const))
        const found: number[] = []
        for (
          let node: ReturnType<typeof index.next> = index.start();
          node !== undefined;
          node = index.next(node, value)
        ) {
          found.push(...node.values)
        }
        const expected = prefixes.map((_, at) => at).filter((at) => value.startsWith(prefixes[at] as string))
        expect(found.toSorted((a, b) => a - b)).toEqual(expected)
        expect(found.map((at) => prefixes[at]!.length)).toEqual(
          found.map((at) => prefixes[at]!.length).toSorted((a, b) => a - b),
        )
      }),
    )
  })
})

describe('the first match', () => {
  const match = fc.oneof(
    text.map((value) => ({ kind: 'exact', value }) as const),
    text.map((value) => ({ kind: 'prefix', value }) as const),
  )
  const rule = fc.record({ uri: match, header: fc.option(match, { nil: undefined }) })

  it('is the one that a walk from top to bottom finds', () => {
    fc.assert(
      fc.property(fc.array(rule), text, fc.array(text, { maxLength: 3 }), (rules, path, lines) => {
        const facts = { path, query: '', headerLines: () => lines } as unknown as RequestFacts
        const ways: Way<{ index: number }>[] = rules.map(({ uri, header }, index) => {
          const spec: RequestMatchSpec = { place, uri, ...(header && { headers: new Map([['x-a', header]]) }) }
          return { rule: { index }, conditions: compileConditions(spec, () => {}) }
        })
        const walked = ways.find(({ conditions }) => conditions.every(({ test }) => test(facts, undefined)))
        expect(compileFirstMatch(ways)(facts, undefined)).toBe(walked?.rule)
      }),
      { numRuns: 1000 },
    )
  })
})
