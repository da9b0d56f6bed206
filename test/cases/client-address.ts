// Step 1 of docs/affinity.md: who the client is. The rule `office` makes the address visible: it gives v2.

import type { Case, CaseGroup } from './case.ts'
import { page } from './case.ts'

function config(trust: string, listen = '{ port: 0, address: 127.0.0.1 }'): string {
  return `
name: shop
listen:
  - ${listen}
${trust}
services: { frontend: / }
versions:
  v1: { frontend: <frontend v1> }
  v2: { frontend: <frontend v2> }
stable: v1
gray:
  - { name: office, version: v2, ip: [192.168.0.58, 10.8.0.0/16, "2001:db8::/32", 127.0.0.58] }
pin: { keys: [{ file: pin.key }] }
`
}

const office = { version: 'v2', reason: 'rule', rule: 'office' } as const
const elsewhere = { version: 'v1', reason: 'stable', rule: '' } as const

function forwardedFor(says: string, lines: readonly string[], client: string, inOffice: boolean): Case {
  return {
    says,
    headers: [...page, ...lines.map((line) => `X-Forwarded-For: ${line}`)],
    expect: { ...(inOffice ? office : elsewhere), client },
  }
}

export const clientAddress: readonly CaseGroup[] = [
  {
    title: 'step 1: client address, proxies trusted by address',
    config: config('trust: [127.0.0.1/32, 172.16.0.0/12, "fd00::/8"]'),
    cases: [
      {
        says: 'is the peer of the socket',
        from: '127.0.0.58',
        headers: page,
        expect: { ...office, client: '127.0.0.58' },
      },
      {
        says: 'is the trusted peer itself when it names nobody',
        headers: page,
        expect: { ...elsewhere, client: '127.0.0.1' },
      },
      {
        says: 'is not what an untrusted peer claims',
        from: '127.0.0.5',
        headers: [...page, 'X-Forwarded-For: 192.168.0.58'],
        expect: { ...elsewhere, client: '127.0.0.5' },
      },
      forwardedFor('is what a trusted peer says', ['192.168.0.58'], '192.168.0.58', true),
      forwardedFor(
        'is the rightmost untrusted entry, not what a client put left of it',
        ['192.168.0.58, 203.0.113.9'],
        '203.0.113.9',
        false,
      ),
      forwardedFor(
        'is found behind further trusted proxies',
        ['192.168.0.58, 172.16.0.9,172.16.0.8'],
        '192.168.0.58',
        true,
      ),
      forwardedFor('is the leftmost entry when all are trusted', ['172.16.0.9, 172.16.0.8'], '172.16.0.9', false),
      forwardedFor('is read from several lines as from one', ['192.168.0.58', '172.16.0.9'], '192.168.0.58', true),
      forwardedFor(
        'is read from the last of several lines first',
        ['192.168.0.58', '203.0.113.9'],
        '203.0.113.9',
        false,
      ),
      forwardedFor('is read without its port', ['192.168.0.58:4711'], '192.168.0.58', true),
      forwardedFor('is read without brackets and port', ['[2001:db8::7]:443'], '2001:db8::7', true),
      forwardedFor('is read without its zone', ['2001:db8::7%eth0'], '2001:db8::7', true),
      forwardedFor('is IPv4 when it comes as v4-mapped IPv6', ['::ffff:192.168.0.58'], '192.168.0.58', true),
      forwardedFor(
        'is the last good one when an octal-looking 010.8.0.1 stops the walk',
        ['192.168.0.58, 010.8.0.1'],
        '127.0.0.1',
        false,
      ),
      forwardedFor(
        'is the last good one when a name stops the walk',
        ['192.168.0.58, unknown, 172.16.0.8'],
        '172.16.0.8',
        false,
      ),
      forwardedFor(
        'is the last good one when an empty entry stops the walk',
        ['192.168.0.58,, 172.16.0.8'],
        '172.16.0.8',
        false,
      ),
      forwardedFor('is the last good one when three parts stop the walk', ['10.8.1'], '127.0.0.1', false),
      forwardedFor('is the last good one when hexadecimal stops the walk', ['0x0a080001'], '127.0.0.1', false),
      forwardedFor('is the peer when the field is empty', [''], '127.0.0.1', false),
      {
        says: 'is not read from X-Real-IP or Forwarded',
        headers: [...page, 'X-Real-IP: 192.168.0.58', 'Forwarded: for=192.168.0.58'],
        expect: { ...elsewhere, client: '127.0.0.1' },
      },
      {
        says: 'is not read from another spelling of the field',
        headers: [...page, 'X_Forwarded_For: 192.168.0.58'],
        expect: { ...elsewhere, client: '127.0.0.1' },
      },
    ],
  },
  {
    title: 'step 1: client address, nobody trusted',
    config: config(''),
    cases: [forwardedFor('is the peer, whatever it claims', ['192.168.0.58'], '127.0.0.1', false)],
  },
  {
    title: 'step 1: client address, at a listener of all addresses',
    config: config('trust: [127.0.0.1/32]', '{ port: 0 }'),
    cases: [
      {
        says: 'is IPv4 though the socket shows it as v4-mapped IPv6',
        from: '127.0.0.58',
        headers: page,
        expect: { ...office, client: '127.0.0.58', upstream: { 'x-forwarded-for': '127.0.0.58' } },
      },
      forwardedFor('is what a trusted peer says there', ['192.168.0.58'], '192.168.0.58', true),
    ],
  },
  {
    title: 'step 1: client address, one trusted hop',
    config: config('trust: { hops: 1 }'),
    cases: [
      forwardedFor('is the last entry', ['9.9.9.9, 192.168.0.58'], '192.168.0.58', true),
      forwardedFor('is not the last but one', ['192.168.0.58, 9.9.9.9'], '9.9.9.9', false),
      forwardedFor('is the peer when the last entry is no address', ['192.168.0.58, x'], '127.0.0.1', false),
    ],
  },
  {
    title: 'step 1: client address, two trusted hops',
    config: config('trust: { hops: 2 }'),
    cases: [
      forwardedFor('is the last but one', ['192.168.0.58, 9.9.9.9'], '192.168.0.58', true),
      forwardedFor('is counted over several lines', ['192.168.0.58', '9.9.9.9'], '192.168.0.58', true),
      forwardedFor('is the peer when one entry is too few', ['192.168.0.58'], '127.0.0.1', false),
    ],
  },
  {
    title: "step 1: client address, a CDN's header",
    config: config('trust: { proxies: [127.0.0.1/32], header: cf-connecting-ip }'),
    cases: [
      {
        says: 'is what the header of a trusted peer says',
        headers: [...page, 'CF-Connecting-IP: 192.168.0.58'],
        expect: { ...office, client: '192.168.0.58' },
      },
      {
        says: 'is not what the header of an untrusted peer says',
        from: '127.0.0.5',
        headers: [...page, 'CF-Connecting-IP: 192.168.0.58'],
        expect: { ...elsewhere, client: '127.0.0.5' },
      },
      forwardedFor('is not read from X-Forwarded-For then', ['192.168.0.58'], '127.0.0.1', false),
      {
        says: 'is the peer when the header comes twice',
        headers: [...page, 'CF-Connecting-IP: 192.168.0.58', 'CF-Connecting-IP: 192.168.0.58'],
        expect: { ...elsewhere, client: '127.0.0.1' },
      },
    ],
  },
]
