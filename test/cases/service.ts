// Step 8 of docs/affinity.md: which service, and whose pool.

import type { Case, CaseGroup } from './case.ts'
import { api, page } from './case.ts'

const config = `
name: shop
listen:
  - { port: 0, address: 127.0.0.1 }
services:
  admin: /admin/
  mqtt-server: /api/
  images: { match: [{ uri: { prefix: /img/ } }, { uri: { exact: /logo.svg } }] }
  frontend: /
versions:
  v1: { frontend: <frontend v1>, mqtt-server: <mqtt-server v1>, images: <images v1> }
  v2: { frontend: <frontend v2>, mqtt-server: <mqtt-server v2>, admin: <admin v2> }
  v3: { frontend: <frontend v3>, base: v1 }
  v4: { frontend: <frontend v4>, base: v2 }
stable: v1
pin: { keys: [{ file: pin.key }] }
`

function asked(says: string, version: string, path: string, by: string): Case {
  return {
    says,
    path,
    headers: api,
    pins: [{ pin: version }],
    expect: { version, by, reason: 'pin', upstream: { 'x-version': version } },
  }
}

const everything: CaseGroup = {
  title: 'step 8: service and pool',
  config,
  cases: [
    asked('the first entry that matches takes it', 'v1', '/api/orders', 'mqtt-server v1'),
    asked('the decided version answers, not another', 'v2', '/api/orders', 'mqtt-server v2'),
    asked('what no entry above took goes to the last', 'v2', '/api', 'frontend v2'),
    asked('a prefix is a prefix of the path, not of a word in it', 'v2', '/x/api/', 'frontend v2'),
    asked('the query plays no part', 'v2', '/?next=/api/', 'frontend v2'),
    asked('items of match are ORed', 'v1', '/logo.svg', 'images v1'),
    asked("the base's pool serves what a version does not own", 'v3', '/api/orders', 'mqtt-server v1'),
    asked('the base is the one that is named', 'v4', '/api/orders', 'mqtt-server v2'),
    asked('the base is stable where none is named', 'v2', '/img/a.png', 'images v1'),
    asked('a service that only the base owns is served by it', 'v4', '/admin/x', 'admin v2'),
    asked('where neither owns a pool the next entry that matches takes it', 'v1', '/admin/x', 'frontend v1'),
    asked('where neither owns a pool the next entry takes it, of the decided version', 'v3', '/admin/x', 'frontend v3'),
    {
      says: 'a preflight for a service that stable has not goes to the version that has it, whose pages alone ask for it',
      method: 'OPTIONS',
      path: '/admin/x',
      headers: ['Origin: http://other.test', 'Access-Control-Request-Method: PUT'],
      expect: { version: 'v2', by: 'admin v2', reason: 'preflight' },
    },
    {
      says: 'OPTIONS that goes no further than the first who gets it is answered by the edge (RFC 9110 7.6.2)',
      method: 'OPTIONS',
      headers: [...api, 'Max-Forwards: 0'],
      expect: { status: 204, by: null, answer: { allow: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS' } },
    },
    {
      says: 'OPTIONS that may go further goes with one less',
      method: 'OPTIONS',
      headers: [...api, 'Max-Forwards: 1'],
      expect: { by: 'frontend v1', upstream: { 'max-forwards': '0' } },
    },
    {
      says: 'Max-Forwards of other methods is passed on as it came',
      headers: [...api, 'Max-Forwards: 0'],
      expect: { by: 'frontend v1', upstream: { 'max-forwards': '0' } },
    },
    {
      says: 'the path is judged in canonical form, and sent so',
      path: '/x/../%61pi//orders?q=/../%61',
      headers: api,
      pins: [{ pin: 'v2' }],
      expect: { version: 'v2', by: 'mqtt-server v2', url: '/api/orders?q=/../%61' },
    },
    {
      says: 'an empty query is a query and is sent on as one',
      path: '/api/orders?',
      headers: api,
      pins: [{ pin: 'v2' }],
      expect: { version: 'v2', by: 'mqtt-server v2', url: '/api/orders?' },
    },
    {
      says: 'a document is routed by the same list',
      path: '/api/docs',
      headers: page,
      expect: { version: 'v1', by: 'mqtt-server v1', reason: 'stable' },
    },
  ],
}

const nobody: CaseGroup = {
  title: 'step 8: no service',
  config: `
name: shop
listen:
  - { port: 0, address: 127.0.0.1 }
hosts: [shop.test, "*.shop.test"]
services:
  admin: /admin/
  frontend: /app/
versions:
  v1: { frontend: <frontend v1> }
  v2: { frontend: <frontend v2>, admin: <admin v2> }
stable: v1
pin: { keys: [{ file: pin.key }] }
`,
  cases: [
    {
      says: 'no entry that matches is 404',
      path: '/other',
      headers: page,
      expect: { status: 404, by: null, version: 'v1', code: 'EDGE_NO_SERVICE', pin: 'none' },
    },
    {
      says: 'an entry without a pool for this version or its base, and no other, is 404',
      path: '/admin/x',
      headers: api,
      pins: [{ pin: 'v1' }],
      expect: { status: 404, by: null, code: 'EDGE_NO_SERVICE' },
    },
    {
      says: 'with a pool it is served',
      path: '/admin/x',
      headers: api,
      pins: [{ pin: 'v2' }],
      expect: { by: 'admin v2' },
    },
    {
      says: 'a host of no release is 404',
      host: 'other.test',
      path: '/app/',
      headers: page,
      expect: { status: 404, by: null, reason: '', code: 'EDGE_NO_RELEASE', pin: 'none' },
    },
    {
      says: 'a wildcard host is served',
      host: 'a.b.shop.test',
      path: '/app/',
      headers: page,
      expect: { by: 'frontend v1' },
    },
    {
      says: 'port and case of the host do not matter',
      host: 'SHOP.test:8080',
      path: '/app/',
      headers: page,
      expect: { by: 'frontend v1' },
    },
  ],
}

export const service: readonly CaseGroup[] = [everything, nobody]
