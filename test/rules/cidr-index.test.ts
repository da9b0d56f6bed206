import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileCidrs, parseAddress } from '../../src/rules/address.ts'
import { compileCidrIndex, type CidrNode } from '../../src/rules/cidr-index.ts'
import type { Address } from '../../src/rules/types.ts'

/** Everything that lies around an address, innermost first. */
function around(cidrs: readonly string[], address: string): readonly string[] {
  const find = compileCidrIndex(cidrs.map((cidr) => [cidr, cidr]))
  const found: string[] = []
  let node: CidrNode<string> | undefined = find(parseAddress(address) as Address)
  for (; node !== undefined; node = node.around) found.push(...node.values)
  return found
}

describe('the blocks around an address', () => {
  const cidrs = ['10.0.0.0/24', '10.0.0.0/8', '10.0.0.5', '10.255.255.0/24', '11.0.0.0/8', '0.0.0.0/0']

  test.each([
    ['10.0.0.5', ['10.0.0.5', '10.0.0.0/24', '10.0.0.0/8', '0.0.0.0/0'], 'one inside the other'],
    ['10.0.0.6', ['10.0.0.0/24', '10.0.0.0/8', '0.0.0.0/0'], 'behind the innermost'],
    ['10.0.1.0', ['10.0.0.0/8', '0.0.0.0/0'], 'behind a block that begins where the larger one does'],
    [
      '10.255.255.255',
      ['10.255.255.0/24', '10.0.0.0/8', '0.0.0.0/0'],
      'the last of a block that ends where the larger one does',
    ],
    ['11.0.0.0', ['11.0.0.0/8', '0.0.0.0/0'], 'the first of a block that touches another'],
    ['255.255.255.255', ['0.0.0.0/0'], 'the last address there is'],
    ['::1', [], 'no block of the other family'],
  ])('of %s are %j: %s', (address, blocks) => {
    expect(around(cidrs, address)).toEqual(blocks)
  })

  test('are those that a question to each of them finds', () => {
    const byte = fc.constantFrom(0, 1, 127, 128, 255)
    const four = fc.tuple(byte, byte).map(([a, b]) => `10.${a}.0.${b}`)
    const six = fc.tuple(byte, byte).map(([a, b]) => `2001:${a.toString(16)}::${b.toString(16)}`)
    const block = fc.oneof(
      fc.tuple(four, fc.integer({ min: 0, max: 32 })).map(([address, length]) => `${address}/${length}`),
      fc.tuple(six, fc.integer({ min: 0, max: 128 })).map(([address, length]) => `${address}/${length}`),
    )
    fc.assert(
      fc.property(fc.uniqueArray(block, { maxLength: 20 }), fc.oneof(four, six), (blocks, address) => {
        const expected = blocks.filter((each) => compileCidrs([each])(parseAddress(address) as Address))
        expect(around(blocks, address).toSorted()).toEqual(expected.toSorted())
      }),
      { numRuns: 500 },
    )
  })
})
