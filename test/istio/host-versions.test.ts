import { expect, it } from 'vitest'

import { hostVersions } from '../../src/istio/host-versions.ts'

const rows: [hosts: string[], read: string[]][] = [
  [
    ['shop-primary.a.svc', 'shop-canary.a.svc'],
    ['shop-primary.a.svc: primary of shop.a.svc', 'shop-canary.a.svc: canary of shop.a.svc'],
  ],
  [
    ['stable-svc', 'canary-svc', 'db'],
    ['stable-svc: stable of svc', 'canary-svc: canary of svc'],
  ],
  [
    ['a-stable-svc', 'a-v2-svc'],
    ['a-stable-svc: stable of a-svc', 'a-v2-svc: v2 of a-svc'],
  ],
  // One alone is a name, and so is one of another namespace, or one that is nothing but the word.
  [['shop-canary', 'shop'], []],
  [['shop-primary.a.svc', 'shop-canary.b.svc'], []],
  [['stable', 'canary'], []],
]

it.each(rows)('reads %j as %j', (hosts, read) => {
  const found = [...hostVersions(hosts)].map(([host, { stem, version }]) => `${host}: ${version} of ${stem}`)
  expect(found).toEqual(read)
})
