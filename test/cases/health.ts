// Step 7 of docs/affinity.md: refusing endpoints, unavailable pools, and no half fallbacks. The rows of a group run in order: health has
// a memory.

import type { CaseGroup } from './case.ts'
import { api, page, secureApi } from './case.ts'

const config = `
name: shop
listen:
  - { port: 0, address: 127.0.0.1 }
services:
  mqtt-server: /api/
  frontend: {}
versions:
  v1: { frontend: <frontend v1>, mqtt-server: <mqtt-server v1> }
  v2: { frontend: <frontend v2>, mqtt-server: <mqtt-server v2 down> }
  v3: { frontend: <frontend v3 down>, mqtt-server: <mqtt-server v3> }
  v4: { frontend: [<frontend v4>, <frontend v4-twin down>], mqtt-server: <mqtt-server v4> }
stable: v1
gray:
  - { name: office, version: v2, ip: [127.0.0.58] }
  - { name: strict, version: v3, ip: [127.0.0.59], onUnavailable: fail }
  - { name: twins, version: v4, ip: [127.0.0.60] }
identity: [cookies.user]
pin: { keys: [{ file: pin.key }] }
`

const refused = { status: 503, by: null, code: 'EDGE_UPSTREAM_REFUSED', answer: { 'retry-after': '2' } } as const
const unavailable = {
  status: 503,
  by: null,
  reason: 'unavailable',
  code: 'EDGE_VERSION_UNAVAILABLE',
  answer: { 'retry-after': '2' },
} as const

const pools: CaseGroup = {
  title: 'step 7: pools that are out',
  config,
  cases: [
    {
      says: 'an endpoint that refuses is no matter while another of its pool answers',
      from: '127.0.0.60',
      headers: page,
      expect: { version: 'v4', by: 'frontend v4', reason: 'rule' },
    },
    {
      says: 'nor is it at the second request, whichever is in turn',
      from: '127.0.0.60',
      headers: page,
      expect: { version: 'v4', by: 'frontend v4', reason: 'rule' },
    },
    {
      says: 'by then it is out of balancing: nobody tries it at the third request',
      from: '127.0.0.60',
      headers: page,
      expect: { version: 'v4', by: 'frontend v4', attempts: 1 },
    },
    {
      says: 'nor at the fourth',
      from: '127.0.0.60',
      headers: page,
      expect: { version: 'v4', by: 'frontend v4', attempts: 1 },
    },
    {
      says: 'until the pool counts as unavailable, a refused connection is 503 for a subresource',
      path: '/api/x',
      headers: secureApi,
      pins: [{ pin: 'v2' }],
      expect: { ...refused, version: 'v2', reason: 'pin', pin: 'kept' },
    },
    {
      says: 'until the pool counts as unavailable, a refused connection is 503 for a document too',
      from: '127.0.0.59',
      headers: page,
      expect: { ...refused, version: 'v3', reason: 'rule', pin: 'none' },
    },
    {
      says: 'a document of a living service of that version is served meanwhile',
      from: '127.0.0.58',
      headers: page,
      expect: { version: 'v2', by: 'frontend v2', reason: 'rule', pin: { version: 'v2' } },
    },
    {
      says: 'two seconds later its documents go to stable as a whole visit, pin and all',
      afterMs: 2300,
      from: '127.0.0.58',
      headers: page,
      expect: {
        version: 'v1',
        by: 'frontend v1',
        reason: 'fallback',
        rule: 'office',
        pin: { version: 'v1', history: ['v1'] },
      },
    },
    {
      says: 'a document that only the pin gave to it goes to stable as well',
      headers: page,
      pins: [{ pin: 'v2', history: ['v2', 'v1'], seed: 'kept-seed' }],
      expect: {
        version: 'v1',
        reason: 'fallback',
        rule: '',
        pin: { version: 'v1', history: ['v1', 'v2'], seed: 'kept-seed' },
      },
    },
    {
      says: 'what belongs to an open page gets 503 from the dead service',
      path: '/api/x',
      headers: secureApi,
      pins: [{ pin: 'v2' }],
      expect: { ...unavailable, version: 'v2', pin: 'kept' },
    },
    {
      says: 'what belongs to an open page gets 503 from the living service too: half a fallback never happens',
      headers: secureApi,
      pins: [{ pin: 'v2' }],
      expect: { ...unavailable, version: 'v2', pin: 'kept' },
    },
    {
      says: 'what belongs to the visit that fell back stays on stable',
      path: '/api/x',
      from: '127.0.0.58',
      headers: secureApi,
      pins: [{ pin: 'v1', history: ['v1', 'v2'] }],
      expect: { version: 'v1', by: 'mqtt-server v1', reason: 'pin' },
    },
    {
      says: 'a page that names the unavailable version gets 503',
      headers: [...secureApi, 'X-Page-Version: v2'],
      pins: [{ pin: 'v1', history: ['v1', 'v2'] }],
      expect: { ...unavailable, version: 'v2' },
    },
    {
      says: 'a subresource without a pin that a rule would send there goes to stable',
      path: '/api/x',
      from: '127.0.0.58',
      headers: secureApi,
      expect: { version: 'v1', by: 'mqtt-server v1', reason: 'fallback', pin: 'none' },
    },
    {
      says: 'an API client without a pin is pinned to where it fell',
      path: '/api/x',
      from: '127.0.0.58',
      headers: api,
      expect: { version: 'v1', reason: 'fallback', pin: { version: 'v1' } },
    },
    {
      says: 'with onUnavailable: fail a document gets 503',
      from: '127.0.0.59',
      headers: page,
      expect: { ...unavailable, version: 'v3', rule: 'strict', pin: 'none' },
    },
    {
      says: 'onUnavailable belongs to the rule: who is there by pin falls back',
      headers: page,
      pins: [{ pin: 'v3' }],
      expect: { version: 'v1', reason: 'fallback', rule: '' },
    },
    {
      says: 'a pool with one living endpoint is available',
      from: '127.0.0.60',
      headers: page,
      expect: { version: 'v4', by: 'frontend v4', reason: 'rule' },
    },
    {
      says: 'good probes bring the pool back, and the rule gives its version again',
      starts: 'mqtt-server v2',
      eventually: true,
      from: '127.0.0.58',
      headers: page,
      expect: { version: 'v2', by: 'frontend v2', reason: 'rule', pin: { version: 'v2' } },
    },
    {
      says: 'and what belongs to open pages is served again',
      path: '/api/x',
      headers: secureApi,
      pins: [{ pin: 'v2' }],
      expect: { version: 'v2', by: 'mqtt-server v2', reason: 'pin' },
    },
  ],
}

const stableOut: CaseGroup = {
  title: 'step 7: stable is out',
  config: `
name: shop
listen:
  - { port: 0, address: 127.0.0.1 }
services: { frontend: / }
versions:
  v1: { frontend: <frontend v1 down> }
  v2: { frontend: <frontend v2> }
stable: v1
pin: { keys: [{ file: pin.key }] }
`,
  cases: [
    {
      says: 'a document gets 503',
      headers: page,
      expect: { ...refused, version: 'v1', reason: 'stable', pin: 'none' },
    },
    {
      says: 'and has nowhere to fall back to later',
      afterMs: 2300,
      headers: page,
      expect: { status: 503, by: null, version: 'v1', reason: 'stable', pin: 'none' },
    },
    { says: 'the others are served', headers: page, pins: [{ pin: 'v2' }], expect: { version: 'v2', reason: 'pin' } },
  ],
}

export const health: readonly CaseGroup[] = [pools, stableOut]
