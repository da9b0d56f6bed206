// Step 2 of docs/affinity.md: what a client, or a backend, may not say.

import type { Case, CaseGroup } from './case.ts'
import { page } from './case.ts'

const config = `
name: shop
listen:
  - { port: 0, address: 127.0.0.1 }
trust: [127.0.0.1/32]
services: { frontend: / }
versions:
  v1: { frontend: <frontend v1> }
  v2: { frontend: <frontend v2> }
stable: v1
gray:
  - { name: asked, version: v2, match: [{ headers: { x-version: { exact: v2 } } }, { headers: { x_version: { exact: v2 } } }] }
pin: { keys: [{ file: pin.key }] }
`

const stable = { version: 'v1', by: 'frontend v1', reason: 'stable' } as const

/** The runner holds each row to this: the backend saw exactly one spelling of x-version, with the decided version. */
function versionFromOutside(says: string, ...lines: readonly string[]): Case {
  return { says, headers: [...page, ...lines], expect: { ...stable, upstream: { 'x-version': 'v1' } } }
}

export const strip: readonly CaseGroup[] = [
  {
    title: 'step 2: what does not come in',
    config,
    cases: [
      versionFromOutside('x-version of a client is replaced, and no rule sees it', 'x-version: v2'),
      versionFromOutside('x-version in capitals is replaced', 'X-VERSION: v2'),
      versionFromOutside('x-version with underscores is taken out', 'X_Version: v2'),
      versionFromOutside('x-version with dots is taken out', 'x.version: v2'),
      versionFromOutside(
        'all spellings at once are taken out',
        'x_version: v2',
        'x-version: v2',
        'X.Version: v2',
        'x-version: v1',
      ),
      versionFromOutside('Connection: x-version takes nothing away', 'Connection: x-version', 'x-version: v2'),
      {
        says: 'X-Forwarded-* of an untrusted client is rebuilt',
        from: '127.0.0.5',
        headers: [
          ...page,
          'X-Forwarded-For: 192.168.0.58',
          'X-Forwarded-Proto: https',
          'X-Forwarded-Host: evil.test',
          'X_Forwarded_For: 192.168.0.58',
        ],
        expect: {
          ...stable,
          upstream: {
            'x-forwarded-for': '127.0.0.5',
            'x-forwarded-proto': 'http',
            'x-forwarded-host': 'shop.test',
            x_forwarded_for: null,
          },
        },
      },
      {
        says: 'X-Forwarded-For of a trusted proxy is continued, its X-Forwarded-Proto believed',
        headers: [...page, 'X-Forwarded-For: 203.0.113.9', 'X-Forwarded-Proto: https'],
        expect: {
          ...stable,
          client: '203.0.113.9',
          upstream: { 'x-forwarded-for': '203.0.113.9, 127.0.0.1', 'x-forwarded-proto': 'https' },
        },
      },
      {
        says: "a trusted proxy's X-Forwarded-Host and -Port stay, but not what came through it in another spelling",
        headers: [
          ...page,
          'X_Forwarded_Host: evil.test',
          'X-Forwarded-Host: www.test',
          'x.forwarded-port: 1',
          'X-Forwarded-Port: 443',
        ],
        expect: {
          ...stable,
          upstream: {
            'x-forwarded-host': 'www.test',
            'x-forwarded-port': '443',
            x_forwarded_host: null,
            'x.forwarded-port': null,
          },
        },
      },
      {
        says: 'the pin cookie stays here, the others go on',
        headers: page,
        cookies: ['a=1', 'b=2'],
        pins: [{ pin: 'v1' }],
        expect: { ...stable, reason: 'pin', upstream: { cookie: 'a=1; b=2' } },
      },
      {
        says: 'a Cookie field of nothing but the pin goes',
        headers: page,
        pins: [{ pin: 'v1' }],
        expect: { ...stable, reason: 'pin', upstream: { cookie: null } },
      },
      {
        says: 'forged pins and the __Host- form stay here too',
        headers: page,
        cookies: ['graylane=x', 'a=1', '__Host-graylane=y', 'graylane=', 'graylane_x=2'],
        expect: { ...stable, upstream: { cookie: 'a=1; graylane_x=2' } },
      },
      {
        says: "a backend's Set-Cookie of the pin's name is taken out, others stay",
        headers: [
          ...page,
          'x-echo-set-cookie: graylane=x; Path=/',
          'x-echo-set-cookie: session=1; Path=/',
          'x-echo-set-cookie: __Host-graylane=y; Path=/; Secure',
        ],
        pins: [{ pin: 'v1' }],
        expect: { ...stable, reason: 'pin', pin: 'kept', answer: { 'set-cookie': 'session=1; Path=/' } },
      },
      {
        says: 'nor does a backend end a preview, whose page would go on by the pin',
        headers: [...page, 'x-echo-set-cookie: graylane-preview=; Path=/; Max-Age=0'],
        pins: [{ pin: 'v1' }],
        expect: { ...stable, reason: 'pin', answer: { 'set-cookie': null } },
      },
      {
        says: 'a backend leads no browser past the edge by Alt-Svc',
        headers: [...page, 'x-echo-alt-svc: h2="v2.internal:8443"'],
        expect: { ...stable, answer: { 'alt-svc': null } },
      },
      {
        says: "a backend's x-version does not pass for ours",
        headers: [...page, 'x-echo-x-version: v9'],
        expect: { ...stable, answer: { 'x-version': 'v1' } },
      },
      {
        says: 'other names with underscores pass',
        headers: [...page, 'user_id: 7'],
        expect: { ...stable, upstream: { user_id: '7' } },
      },
    ],
  },
  {
    title: 'step 2: what does not come in, two releases with a header each',
    config: `
name: shop
hosts: [shop.test]
listen:
  - { port: 0, address: 127.0.0.1 }
  - { port: 0, internal: true, address: 127.0.0.2, from: [127.0.0.0/8] }
services: { frontend: / }
versions:
  v1: { frontend: <frontend v1> }
stable: v1
pin: { keys: [{ file: pin.key }], header: x-version }
---
name: blog
hosts: ["*.blog.test"]
services: { pages: / }
versions:
  v1: { pages: <pages v1> }
  v2: { pages: <pages v2> }
stable: v1
pin: { keys: [{ file: pin.key }], header: x-blog-version }
`,
    cases: [
      {
        says: "another release's version is not chosen from outside either, by way of a backend that hands fields on",
        headers: [...page, 'X-Blog-Version: v2', 'x_blog_version: v2'],
        expect: { version: 'v1', upstream: { 'x-blog-version': null, x_blog_version: null } },
      },
      {
        says: 'between services it is handed on',
        to: 1,
        host: 'frontend',
        headers: ['X-Blog-Version: v2'],
        expect: { version: 'v1', upstream: { 'x-blog-version': 'v2' } },
      },
    ],
  },
]
