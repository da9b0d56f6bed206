import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { draw } from '../../src/rules/share.ts'

const seeds = Array.from({ length: 100_000 }, (_, index) => `seed-${index}`)

/** How far a count is from what is expected, in standard deviations of a binomial draw. */
function sigmas(count: number, of: number, chance: number): number {
  return Math.abs(count - of * chance) / Math.sqrt(of * chance * (1 - chance))
}

describe('draw', () => {
  // Computed by a second implementation of the definition in share.ts. A change here would move visitors at every update.
  test.each([
    ['shop', 'v2', '', 1223],
    ['shop', 'v2', 'seed-0', 2261],
    ['shop', 'v3', 'seed-0', 8786],
    ['blog', 'v2', 'seed-0', 2931],
    ['shop', 'v2', 'AAAAAAAAAAAAAAAA', 4317],
    ['mqtt', '1.10', '192.168.0.58', 4714],
  ])('is frozen, so that gateways of every age agree: %s %s %j draws %i', (release, version, seed, number) => {
    expect(draw(release, version, seed)).toBe(number)
  })

  test('is spread evenly over 100,000 seeds: each tenth, and the small shares people begin with', () => {
    const draws = seeds.map((seed) => draw('shop', 'v2', seed))
    for (let tenth = 0; tenth < 10; tenth += 1) {
      const count = draws.filter((each) => Math.floor(each / 1000) === tenth).length
      expect(sigmas(count, draws.length, 0.1)).toBeLessThan(4)
    }
    for (const share of [10, 100, 500, 5000]) {
      const count = draws.filter((each) => each < share).length
      expect(sigmas(count, draws.length, share / 10_000)).toBeLessThan(4)
    }
  })

  test('is spread evenly over addresses, which differ in their last digits only', () => {
    const draws = Array.from({ length: 65_536 }, (_, i) => draw('shop', 'v2', `10.8.${i >> 8}.${i & 255}`))
    expect(sigmas(draws.filter((each) => each < 500).length, draws.length, 0.05)).toBeLessThan(4)
  })

  test.each([
    ['versions', ['shop', 'v2'], ['shop', 'v3']],
    ['releases', ['shop', 'v2'], ['blog', 'v2']],
    ['names that join to the same text', ['ab', 'c'], ['a', 'bc']],
  ] as const)('of different %s is independent', (_, [release, version], [otherRelease, otherVersion]) => {
    const both = seeds.filter(
      (seed) => draw(release, version, seed) < 2000 && draw(otherRelease, otherVersion, seed) < 2000,
    )
    expect(sigmas(both.length, seeds.length, 0.04)).toBeLessThan(4)
  })

  test('stays within 0 and 9999 for any text, and gives the same text the same draw', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string({ unit: 'binary' }), (release, version, seed) => {
        const number = draw(release, version, seed)
        expect(Number.isInteger(number) && number >= 0 && number < 10_000).toBe(true)
        expect(draw(release, version, seed)).toBe(number)
      }),
    )
  })
})
