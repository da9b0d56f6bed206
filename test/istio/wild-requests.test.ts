// Where single requests go, by manifests of kinds that the corpus has none of.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { lint } from '../../src/istio/lint.ts'
import { allProblems } from '../../src/istio/read-manifests.ts'
import { rehearse } from '../../src/rehearse.ts'
import { manifestsIn } from './manifests-at.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graylane-wild-'))
})
afterAll(() => rm(folder, { recursive: true }))

const shop = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: shop }
spec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }
---
apiVersion: v1
kind: Service
metadata: { name: alias, namespace: shop }
spec: { type: ExternalName, externalName: second.shop.svc.cluster.local, ports: [{ name: http, port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: second, namespace: shop }
spec: { type: ExternalName, externalName: back.lab.svc.cluster.local, ports: [{ name: http, port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: outside, namespace: shop }
spec: { type: ExternalName, externalName: api.example.com, ports: [{ name: http, port: 80 }] }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: back, namespace: lab }
spec:
  hosts: [back.lab.svc.cluster.local]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: 10.1.1.1, labels: { version: v1 } }, { address: 10.1.1.2, labels: { version: v2 } }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: back, namespace: lab }
spec: { host: back.lab.svc.cluster.local, subsets: [{ name: v2, labels: { version: v2 } }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: front, namespace: shop }
spec:
  hosts: [shop.example.com]
  gateways: [edge]
  http:
  - match: [{ uri: { prefix: /alias } }]
    route: [{ destination: { host: second, subset: v2 } }]
  - match: [{ uri: { prefix: /outside } }]
    route: [{ destination: { host: outside } }]
  - match: [{ withoutHeaders: { x-a: { regex: "*" } } }]
    route: [{ destination: { host: alias } }]
  - redirect: { uri: /nowhere, port: 0 }
`

const rows: [what: string, path: string, headers: Record<string, string>, answer: string][] = [
  [
    'a second name leads to the subset of the service that it stands for',
    '/alias',
    {},
    'back.lab.svc.cluster.local v2',
  ],
  ['a name of a name leads there too', '/', {}, 'back.lab.svc.cluster.local '],
  ['a second name of something outside of the mesh is resolved', '/outside', {}, 'outside.shop.svc.cluster.local '],
  ['withoutHeaders of "*" means that the header is not there, empty as it may be', '/', { 'x-a': '' }, '301'],
]

it.each(rows)('%s', async (_, path, headers, answer) => {
  const file = join(folder, 'shop.yaml')
  await writeFile(file, shop)
  const rehearsal = await rehearse(file)
  if (!('explain' in rehearsal)) throw new Error(JSON.stringify(rehearsal.problems))
  const all = [['host', 'shop.example.com'] as const, ...Object.entries(headers)]
  const seen = rehearsal.explain({ ip: '10.0.0.9', method: 'GET', url: path, headers: all })
  expect(seen.forwards === undefined ? String(seen.status) : `${seen.service} ${seen.poolVersion}`).toBe(answer)
})

it('finds nothing wrong with a subset of a second name', () => {
  expect(lint(manifestsIn(shop)).filter(({ severity }) => severity === 'error')).toEqual([])
})

it('names the settings of MeshConfig that change what becomes of a request, and nothing else of it', () => {
  const problems = allProblems(manifestsIn(meshConfig))
  expect(
    problems.map(({ line, message }) => `${line}: ${message.split(' of MeshConfig is not honoured: ')[0]}`),
  ).toEqual([
    '10: defaultHttpRetryPolicy',
    '11: defaultVirtualServiceExportTo',
    '12: connectTimeout',
    '13: rootNamespace',
    '8: defaultConfig.proxyHeaders',
  ])
})

const meshConfig = `apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |-
    accessLogFile: /dev/stdout
    defaultConfig:
      proxyHeaders: { server: { disabled: true } }
    h2UpgradePolicy: DO_NOT_UPGRADE
    defaultHttpRetryPolicy: { attempts: 0 }
    defaultVirtualServiceExportTo: ["."]
    connectTimeout: 3s
    rootNamespace: istio-config
`
