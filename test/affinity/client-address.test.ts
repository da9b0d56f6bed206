import { describe, expect, test } from 'vitest'
import { clientAddress, compileTrust, isTrustedPeer } from '../../src/affinity/client-address.ts'
import type { TrustSpec } from '../../src/affinity/types.ts'
import { parseAddress } from '../../src/rules/address.ts'
import type { Address } from '../../src/rules/types.ts'

const proxies: TrustSpec = {
  proxies: ['127.0.0.0/8', '10.0.0.0/8', 'fd00::/8'],
  hops: undefined,
  header: undefined,
}
const hops = (count: number): TrustSpec => ({ proxies: [], hops: count, header: undefined })
const nobody: TrustSpec = { proxies: [], hops: undefined, header: undefined }
const header: TrustSpec = { ...proxies, header: 'cf-connecting-ip' }

interface Row {
  readonly says: string
  readonly trust: TrustSpec
  readonly peer: string
  readonly field: string | undefined
  readonly client: string
}

const walk: readonly Row[] = [
  ['takes the peer when there is no field', '127.0.0.1', undefined, '127.0.0.1'],
  ['takes the peer when the field is empty', '127.0.0.1', '', '127.0.0.1'],
  ['takes the peer when it is not trusted, whatever it claims', '192.0.2.1', '198.51.100.7', '192.0.2.1'],
  ['takes the one entry of a trusted peer', '127.0.0.1', '198.51.100.7', '198.51.100.7'],
  ['takes the rightmost untrusted entry', '127.0.0.1', '198.51.100.7, 203.0.113.9', '203.0.113.9'],
  [
    'never reads what a client put left of its own address',
    '127.0.0.1',
    '192.168.0.58,203.0.113.9, 10.1.1.1',
    '203.0.113.9',
  ],
  ['walks over several trusted proxies', '127.0.0.1', '198.51.100.7, 10.0.0.3,10.0.0.2', '198.51.100.7'],
  ['takes the leftmost when all are trusted', '127.0.0.1', '10.0.0.4, 10.0.0.3, 10.0.0.2', '10.0.0.4'],
  ['allows blanks and tabs around entries', '127.0.0.1', ' \t198.51.100.7\t , 10.0.0.2 ', '198.51.100.7'],
  ['stops at a name', '127.0.0.1', '198.51.100.7, unknown, 10.0.0.2', '10.0.0.2'],
  ['stops at an empty entry', '127.0.0.1', '198.51.100.7, , 10.0.0.2', '10.0.0.2'],
  ['stops at an empty entry on the right', '127.0.0.1', '198.51.100.7,', '127.0.0.1'],
  ['stops at an empty entry on the left', '127.0.0.1', ',10.0.0.2', '10.0.0.2'],
  ['stops at an octal-looking address', '127.0.0.1', '198.51.100.7, 010.8.0.1', '127.0.0.1'],
  ['stops at a three-part address', '127.0.0.1', '198.51.100.7, 10.8.1', '127.0.0.1'],
  ['stops at a hexadecimal address', '127.0.0.1', '0x0a080001', '127.0.0.1'],
  ['stops at a decimal number', '127.0.0.1', '3232235578', '127.0.0.1'],
  ['stops at an address with a mask', '127.0.0.1', '192.0.2.0/24', '127.0.0.1'],
  ['stops at a quoted address', '127.0.0.1', '"192.0.2.1"', '127.0.0.1'],
  ['stops at raw bytes', '127.0.0.1', '192.0.2.1, \u00e9', '127.0.0.1'],
  ['cuts a port', '127.0.0.1', '198.51.100.7:4711', '198.51.100.7'],
  ['stops at a port that is none', '127.0.0.1', '198.51.100.7:http', '127.0.0.1'],
  ['stops at an empty port', '127.0.0.1', '198.51.100.7:', '127.0.0.1'],
  ['stops at a port of six digits', '127.0.0.1', '198.51.100.7:123456', '127.0.0.1'],
  ['reads IPv6', '127.0.0.1', '2001:db8::7', '2001:db8::7'],
  ['cuts brackets', '127.0.0.1', '[2001:db8::7]', '2001:db8::7'],
  ['cuts brackets and a port', '127.0.0.1', '[2001:db8::7]:443', '2001:db8::7'],
  ['cuts a zone', '127.0.0.1', 'fe80::7%eth0', 'fe80::7'],
  ['cuts a zone within brackets', '127.0.0.1', '[fe80::7%eth0]:443', 'fe80::7'],
  ['stops at a zone on IPv4', '127.0.0.1', '192.0.2.1%eth0', '127.0.0.1'],
  ['stops at an open bracket', '127.0.0.1', '[2001:db8::7', '127.0.0.1'],
  ['stops at text behind brackets', '127.0.0.1', '[2001:db8::7]x', '127.0.0.1'],
  ['stops at IPv4 in brackets', '127.0.0.1', '[192.0.2.1]', '127.0.0.1'],
  ['reads v4-mapped IPv6 as IPv4', '127.0.0.1', '::ffff:198.51.100.7', '198.51.100.7'],
  ['trusts a v4-mapped peer by its IPv4 range', '::ffff:127.0.0.1', '198.51.100.7', '198.51.100.7'],
  ['walks over trusted IPv6', 'fd00::1', '198.51.100.7, fd00::2', '198.51.100.7'],
].map(([says, peer, field, client]): Row => ({ says: says!, trust: proxies, peer: peer!, field, client: client! }))

const others: readonly Row[] = [
  { says: 'trusts nobody by default', trust: nobody, peer: '127.0.0.1', field: '198.51.100.7', client: '127.0.0.1' },
  { says: '0 hops: the peer', trust: hops(0), peer: '192.0.2.1', field: '198.51.100.7', client: '192.0.2.1' },
  { says: '1 hop: the last entry', trust: hops(1), peer: '192.0.2.1', field: '9.9.9.9, 8.8.8.8', client: '8.8.8.8' },
  { says: '2 hops: the last but one', trust: hops(2), peer: '192.0.2.1', field: '9.9.9.9, 8.8.8.8', client: '9.9.9.9' },
  {
    says: '2 hops, one entry too few: the peer',
    trust: hops(2),
    peer: '192.0.2.1',
    field: '9.9.9.9',
    client: '192.0.2.1',
  },
  {
    says: '2 hops over a leading comma: the peer',
    trust: hops(2),
    peer: '192.0.2.1',
    field: ',9.9.9.9',
    client: '192.0.2.1',
  },
  {
    says: '3 hops over a leading comma: the peer',
    trust: hops(3),
    peer: '192.0.2.1',
    field: ',9.9.9.9',
    client: '192.0.2.1',
  },
  { says: '1 hop, no address: the peer', trust: hops(1), peer: '192.0.2.1', field: '9.9.9.9, x', client: '192.0.2.1' },
  { says: '1 hop, no field: the peer', trust: hops(1), peer: '192.0.2.1', field: undefined, client: '192.0.2.1' },
  {
    says: '2 hops look past what stands on the right',
    trust: hops(2),
    peer: '192.0.2.1',
    field: '9.9.9.9, x',
    client: '9.9.9.9',
  },
  {
    says: "a CDN's header of a trusted peer",
    trust: header,
    peer: '10.0.0.1',
    field: '198.51.100.7',
    client: '198.51.100.7',
  },
  {
    says: "a CDN's header of a trusted peer is no list",
    trust: header,
    peer: '10.0.0.1',
    field: '9.9.9.9, 10.0.0.2',
    client: '10.0.0.1',
  },
  {
    says: "a CDN's header of anybody else",
    trust: header,
    peer: '192.0.2.1',
    field: '198.51.100.7',
    client: '192.0.2.1',
  },
]

describe('client address', () => {
  test.each([...walk, ...others])('$says: $field from $peer is $client', ({ trust, peer, field, client }) => {
    expect(clientAddress(parseAddress(peer)!, field, compileTrust(trust))).toEqual(parseAddress(client))
  })

  test('names the field to read', () => {
    expect(compileTrust(proxies).field).toBe('x-forwarded-for')
    expect(compileTrust(header).field).toBe('cf-connecting-ip')
  })

  test('a chain of 64 trusted proxies is walked to its end', () => {
    const list = ['198.51.100.7', ...trustedHops(63)].join(', ')
    expect(clientAddress(parseAddress('127.0.0.1')!, list, compileTrust(proxies)).text).toBe('198.51.100.7')
  })

  test('a list of 1000 entries costs no more than that', () => {
    const list = ['198.51.100.7', ...trustedHops(999)].join(', ')
    const asked: string[] = []
    const trust = { ...compileTrust(proxies), isProxy: (address: Address) => (asked.push(address.text), true) }
    expect(clientAddress(parseAddress('127.0.0.1')!, list, trust).text).toBe(trustedHops(999).at(-64))
    expect(asked.length).toBeLessThanOrEqual(65)
  })

  test('hops are counted however long the list is', () => {
    const list = ['198.51.100.7', ...trustedHops(999)].join(', ')
    expect(clientAddress(parseAddress('127.0.0.1')!, list, compileTrust(hops(1000))).text).toBe('198.51.100.7')
    expect(clientAddress(parseAddress('127.0.0.1')!, list, compileTrust(hops(1001))).text).toBe('127.0.0.1')
  })
})

function trustedHops(count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `10.0.${i >> 8}.${i & 255}`)
}

describe('trusted peers', () => {
  test.each([
    { says: 'a listed proxy', trust: proxies, peer: '10.2.3.4', trusted: true },
    { says: 'a listed proxy in v4-mapped form', trust: proxies, peer: '::ffff:10.2.3.4', trusted: true },
    { says: 'anybody else', trust: proxies, peer: '11.2.3.4', trusted: false },
    { says: 'everybody behind a hop, as Envoy', trust: hops(1), peer: '11.2.3.4', trusted: true },
    { says: 'nobody behind 0 hops', trust: hops(0), peer: '127.0.0.1', trusted: false },
    { says: 'nobody when nothing is said', trust: nobody, peer: '127.0.0.1', trusted: false },
  ])('$says: $trusted', ({ trust, peer, trusted }) => {
    expect(isTrustedPeer(parseAddress(peer)!, compileTrust(trust))).toBe(trusted)
  })
})
