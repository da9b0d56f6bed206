import * as fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { describe, expect, test } from 'vitest'
import { compileCidrs, formatAddress, parseAddress, parseCidr } from '../../src/rules/address.ts'
import type { Address } from '../../src/rules/types.ts'

describe('parseAddress', () => {
  test.each([
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['10.0.0.1:8080', '10.0.0.1'],
    ['10.0.0.1:0', '10.0.0.1'],
    ['::1', '::1'],
    ['[::1]', '::1'],
    ['[::1]:80', '::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['[fe80::1%eth0]:80', 'fe80::1'],
    ['::', '::'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::FFFF:0a00:0001', '10.0.0.1'],
    ['[::ffff:10.0.0.1]:80', '10.0.0.1'],
    ['0:0:0:0:0:ffff:10.0.0.1', '10.0.0.1'],
    ['::10.0.0.1', '::a00:1'],
  ])('reads %s as %s', (text, canonical) => {
    expect(parseAddress(text)?.text).toBe(canonical)
  })

  test.each([
    ['', 'nothing'],
    [' 10.0.0.1', 'a blank'],
    ['10.0.0.1\n', 'a line feed'],
    ['010.8.0.1', 'a part that may be octal'],
    ['10.00.0.1', 'two zeros'],
    ['0x7f.0.0.1', 'hexadecimal'],
    ['127.1', 'a short form'],
    ['2130706433', 'one number'],
    ['10.0.0.256', 'a part above 255'],
    ['10.0.0.1.2', 'five parts'],
    ['10..0.1', 'an empty part'],
    ['10.0.0.', 'an empty last part'],
    ['10.0.0.1:', 'an empty port'],
    ['10.0.0.1:65536', 'a port above 65535'],
    ['10.0.0.1:8a', 'a port that is no number'],
    ['10.0.0.1%eth0', 'a zone on IPv4'],
    ['[10.0.0.1]:80', 'brackets around IPv4'],
    ['10.0.0.1/8', 'a prefix length'],
    ['[::1', 'an open bracket'],
    ['[::1]80', 'a port without its colon'],
    ['::1]', 'a bracket that was never opened'],
    [':::', 'three colons'],
    ['1::2::3', 'two gaps'],
    ['1:2:3:4:5:6:7', 'seven groups'],
    ['1:2:3:4:5:6:7:8:9', 'nine groups'],
    ['00001::', 'a group of five digits'],
    ['g::', 'a letter that is no digit'],
    ['::ffff:010.0.0.1', 'an octal part inside IPv6'],
    ['::ffff:0x7f.0.0.1', 'hexadecimal inside IPv6'],
    ['1.2.3.4::', 'IPv4 in front'],
    ['localhost', 'a name'],
    ['unknown', 'a word of RFC 7239'],
  ])('refuses %j: %s', (text) => {
    expect(parseAddress(text)).toBeUndefined()
  })

  test('never throws, and takes nothing that the platform refuses', () => {
    const piece = fc.constantFrom(
      '1',
      '0',
      '255',
      '256',
      '01',
      'ffff',
      ':',
      '::',
      '.',
      '%',
      '[',
      ']',
      '/',
      ' ',
      'x',
      '٣',
    )
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 12 }).map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(text, (each) => {
        const address = parseAddress(each)
        if (address !== undefined) expect(isIPv4(address.text) || isIPv6(address.text)).toBe(true)
        // Without port, zone and brackets both have to agree.
        if (!/[[\]%/]|\.\d+:/.test(each)) expect(address !== undefined).toBe(isIPv4(each) || isIPv6(each))
      }),
      { numRuns: 3000 },
    )
  })

  test('goes round: every address is read back from its text, as ipaddr.js writes it', () => {
    fc.assert(
      fc.property(fc.oneof(octets(4), octets(16)), (each) => {
        const other = ipaddr.fromByteArray(each)
        const canonical = ipaddr.process(other.toString()).toString()
        const address = parseAddress(other.toNormalizedString()) as Address
        expect(address.text).toBe(canonical)
        expect(formatAddress(address)).toBe(canonical)
        expect(parseAddress(canonical)).toEqual(address)
      }),
    )
  })
})

describe('parseCidr', () => {
  test.each([
    ['10.8.1.2/16', '10.8.0.0/16'],
    ['10.8.1.2', '10.8.1.2/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['255.255.255.255/1', '128.0.0.0/1'],
    ['2001:db8:1::7/32', '2001:db8::/32'],
    ['::1', '::1/128'],
    ['::/0', '::/0'],
    ['::ffff:10.1.2.3/104', '10.0.0.0/8'],
    ['::ffff:10.1.2.3', '10.1.2.3/32'],
  ])('reads %s as %s', (text, canonical) => {
    expect(parseCidr(text)?.text).toBe(canonical)
  })

  test.each([
    '',
    '/',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0/8',
    '::/129',
    '[::1]/128',
  ])('refuses %j', (text) => {
    expect(parseCidr(text)).toBeUndefined()
  })

  test.each(['fe80::1%eth0', '10.0.0.1:80', '010.0.0.0/8', 'x'])('refuses %j, which is not plainly a block', (text) => {
    expect(parseCidr(text)).toBeUndefined()
  })
})

describe('compileCidrs', () => {
  test('holds nothing when it is empty', () => {
    expect(compileCidrs([])(parseAddress('10.0.0.1') as Address)).toBe(false)
  })

  test('throws on what is no block: the configuration was to be checked', () => {
    expect(() => compileCidrs(['10.0.0.0/8', 'x'])).toThrow('not an address or CIDR: x')
  })

  test('answers as a walk over the blocks does', () => {
    fc.assert(
      fc.property(
        fc.array(block, { maxLength: 30 }),
        fc.array(near, { minLength: 1, maxLength: 20 }),
        (cidrs, addresses) => {
          const isIn = compileCidrs(cidrs)
          for (const each of addresses) expect(isIn(parseAddress(each) as Address)).toBe(isInOne(cidrs, each))
        },
      ),
      { numRuns: 300 },
    )
  })
})

/** Few bits vary, so that blocks and addresses meet. */
const near = fc.oneof(
  fc
    .tuple(fc.constantFrom(0, 10, 255), fc.constantFrom(0, 1, 255), fc.constantFrom(0, 128, 255))
    .map(([a, b, c]) => `${a}.${b}.0.${c}`),
  fc
    .tuple(fc.constantFrom('', '2001:db8', 'ffff:ffff'), fc.constantFrom('0', '1', '8000', 'ffff'))
    .map(([a, b]) => `${a}::${b}`),
)
const block = near.chain((address) =>
  fc.integer({ min: 0, max: isIPv6(address) ? 128 : 32 }).map((prefix) => `${address}/${prefix}`),
)

function isInOne(cidrs: readonly string[], address: string): boolean {
  const family = isIPv6(address) ? 'ipv6' : 'ipv4'
  return cidrs.some((cidr) => {
    const [base = '', prefix] = cidr.split('/')
    if (isIPv6(base) !== isIPv6(address)) return false
    const list = new BlockList()
    list.addSubnet(base, Number(prefix), family)
    return list.check(address, family)
  })
}

function octets(length: number): fc.Arbitrary<number[]> {
  return fc.array(fc.oneof(fc.constant(0), fc.nat(255)), { minLength: length, maxLength: length })
}
