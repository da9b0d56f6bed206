// Step 9 of docs/affinity.md for app.shop.test and api.shop.test: one pin for both, and the day on which `domain` is turned on.

import { type Case, type CaseGroup, fetchMetadata, page, secureApi, securePage } from './case.ts'

const config = `
name: shop
hosts: [app.shop.test, api.shop.test]
listen:
  - { port: 0, address: 127.0.0.1 }
trust: [127.0.0.1/32]
services: { frontend: / }
versions:
  v1: { frontend: <frontend v1> }
  v2: { frontend: <frontend v2> }
stable: v1
pin: { keys: [{ file: pin.key }], epoch: 2, domain: shop.test, sameSite: none }
`

const host = 'app.shop.test'
const https = 'X-Forwarded-Proto: https'
const maxAge = 8 * 3600 + 7 * 24 * 3600
const written = `graylane=VALUE; Path=/; Domain=shop.test; Max-Age=${maxAge}; HttpOnly; Priority=High; SameSite=None; Secure`
const end = 'Path=/; Max-Age=0; HttpOnly; SameSite=Lax'

const overHttps: readonly Case[] = [
  {
    says: 'a pin for the domain is read by the API of another host',
    host: 'api.shop.test',
    headers: [...secureApi, ...fetchMetadata('cors', 'empty', 'same-site'), https],
    pins: [{ pin: 'v2', epoch: 2 }],
    expect: { version: 'v2', reason: 'pin', pin: 'kept' },
  },
  {
    says: 'a pin for one host alone still holds the page that is open',
    host,
    headers: [...secureApi, https],
    pins: [{ pin: 'v2', epoch: 2, name: '__Host-graylane' }],
    expect: { version: 'v2', reason: 'pin', pinIn: 'held', pin: 'kept' },
  },
  {
    says: 'the next page gets it for the domain, with its seed and history',
    host,
    headers: [...securePage, https],
    pins: [{ pin: 'v2', epoch: 2, name: '__Host-graylane', history: ['v2', 'v1'], seed: 'kept-seed' }],
    expect: {
      version: 'v2',
      pin: { version: 'v2', history: ['v2', 'v1'], seed: 'kept-seed' },
      setCookie: written,
      answer: {
        'set-cookie': `graylane=; ${end}; Secure, __Host-graylane=; ${end}; Secure, SIGNED`,
      },
    },
  },
  {
    says: 'no page is loaded ahead: one of another host may move the pin, and browsers would not forget this one',
    host,
    headers: [...securePage, https, 'Sec-Purpose: prefetch'],
    pins: [{ pin: 'v1', epoch: 2 }],
    expect: { status: 409, reason: 'prefetch', by: null, pin: 'kept', code: 'EDGE_PREFETCH_REFUSED' },
  },
  {
    says: 'nor a first one, which would bring a pin',
    host,
    headers: [...securePage, https, 'Sec-Purpose: prefetch;prerender'],
    expect: { status: 409, reason: 'prefetch', by: null, pin: 'none' },
  },
  {
    says: 'of both the newest counts, be it the one for the domain',
    host,
    headers: [...secureApi, https],
    pins: [
      { pin: 'v1', epoch: 2, age: '2h', name: '__Host-graylane' },
      { pin: 'v2', epoch: 2, age: '1h' },
    ],
    expect: { version: 'v2', reason: 'pin', pinIn: 'held' },
  },
  {
    says: 'or the one for the host',
    host,
    headers: [...secureApi, https],
    pins: [
      { pin: 'v1', epoch: 2, age: '1h', name: '__Host-graylane' },
      { pin: 'v2', epoch: 2, age: '2h' },
    ],
    expect: { version: 'v1', reason: 'pin', pinIn: 'held' },
  },
  {
    says: 'a forged one beside a genuine one is nothing',
    host,
    headers: [...secureApi, https],
    pins: [
      { pin: 'v1', epoch: 2, name: '__Host-graylane', forge: (value) => `${value}x` },
      { pin: 'v2', epoch: 2, age: '2h' },
    ],
    expect: { version: 'v2', reason: 'pin', pinIn: 'held' },
  },
]

const overHttp: readonly Case[] = [
  {
    says: 'two of one name are told apart by their age',
    host,
    headers: ['Accept: */*'],
    pins: [
      { pin: 'v1', epoch: 2, age: '2h' },
      { pin: 'v2', epoch: 2, age: '1h' },
    ],
    expect: { version: 'v2', reason: 'pin', pinIn: 'held', pin: 'kept' },
  },
  {
    says: 'and the next page leaves one',
    host,
    headers: page,
    pins: [
      { pin: 'v2', epoch: 2, age: '1h' },
      { pin: 'v1', epoch: 2, age: '2h' },
    ],
    expect: {
      version: 'v2',
      pin: { version: 'v2' },
      setCookie: `graylane=VALUE; Path=/; Domain=shop.test; Max-Age=${maxAge}; HttpOnly; Priority=High; SameSite=Lax`,
      answer: { 'set-cookie': `graylane=; ${end}, SIGNED` },
    },
  },
  {
    says: 'a pin that stands where it should is not written anew',
    host,
    headers: page,
    pins: [{ pin: 'v2', epoch: 2 }],
    expect: { version: 'v2', pin: 'kept', answer: { 'set-cookie': null } },
  },
]

export const domain: readonly CaseGroup[] = [
  { title: 'step 9: domain, over https', config, cases: overHttps },
  { title: 'step 9: domain, over http', config, cases: overHttp },
]
