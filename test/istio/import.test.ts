// Manifests that people wrote by hand, as routes.yaml: the story's, corrected, and what each form of a match means.

import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

import { importManifests } from '../../src/istio/import.ts'
import { manifestsAt, manifestsIn } from './manifests-at.ts'
import { rehearsals } from './rehearsals.ts'

const rehearsed = rehearsals()

describe('import of manifests', () => {
  it('takes the measured gray release apart: services, versions, one rule, the backend that only services call', async () => {
    const { manifests } = await manifestsAt(
      resolve(import.meta.dirname, '../conformance/seed-gray-release/manifests.yaml'),
    )
    const { text, notes } = importManifests(manifests)
    expect(text).toContain('mqtt-server: { match: [{ port: 15001 }] }')
    const { configuration } = await rehearsed('seed.yaml', text as string)
    const [release] = configuration.releases
    expect(release?.stable).toBe('v1')
    expect([...(release?.versions.keys() ?? [])]).toEqual(['v1', 'v2', 'v3'])
    expect(
      release?.gray.map(({ version, condition }) => [
        version,
        condition.kind === 'match' && condition.items[0]?.clientIp,
      ]),
    ).toEqual([['v2', ['192.168.0.58']]])
    expect(configuration.listen.map(({ port, internal }) => [port, internal])).toEqual([
      [80, false],
      [15_001, true],
    ])
    expect(notes.map(({ code, line }) => [code, line])).toEqual([['import-meant', 63]])
  })

  const meanings: [header: string, test: string, cidrs: string[] | undefined][] = [
    ['x-forwarded-for', 'exact: 10.0.0.9', ['10.0.0.9']],
    ['x-forwarded-for', 'prefix: "10.8."', ['10.8.0.0/16']],
    ['x-forwarded-for', 'prefix: "10.0.0.9,"', ['10.0.0.9']],
    ['x-forwarded-for', String.raw`regex: '^10\.0\.0\.9(,.*)?$'`, ['10.0.0.9']],
    ['x-forwarded-for', String.raw`regex: '(10\.0\.0\.9|10\.0\.0\.7)(, .*)?'`, undefined],
    ['x-envoy-external-address', 'exact: "2001:db8::7"', ['2001:db8::7']],
    ['x-envoy-external-address', String.raw`regex: '172\.(?:1[6-9]|2\d|3[01])\.\d+\.\d+'`, ['172.16.0.0/12']],
    ['x-envoy-external-address', String.raw`regex: '10\.[13]\.0\.1'`, undefined],
  ]
  it.each(meanings)('reads %s %s as addresses', (header, test, cidrs) => {
    const { text } = importManifests(manifestsIn(oneRule(`headers: { ${header}: { ${test} } }`)))
    if (cidrs === undefined) expect(text).not.toMatch(/^ .*(?:ip:|clientIp)|^gray.*ip:/m)
    else expect(text).toContain(`ip: ${JSON.stringify(cidrs).replaceAll(',', ', ')}`)
  })

  it.each([
    String.raw`^(.*?;)?\s*(user=jason)(;.*)?$`,
    String.raw`(.*;)?\s*user=jason\s*(;.*)?`,
    String.raw`^(.*; *)?user=jason(;.*)?$`,
  ])('reads the cookie of %s', (regex) => {
    expect(importManifests(manifestsIn(oneRule(`headers: { cookie: { regex: '${regex}' } }`))).text).toContain(
      'cookies: { user: { exact: jason } }',
    )
  })

  it('keeps what is done with calls of a service that no browser asks', () => {
    const manifests = `${oneRule('headers: { x-user: {} }')}---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: back }
spec:
  hosts: [back.default.svc.cluster.local]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: 10.0.1.1, labels: { version: v1 } }, { address: 10.0.1.2, labels: { version: v2 } }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: back }
spec:
  host: back
  trafficPolicy: { connectionPool: { tcp: { maxConnections: 7 } } }
  subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: back }
spec:
  hosts: [back]
  http:
    - match: [{ sourceLabels: { version: v2 } }]
      route: [{ destination: { host: back, subset: v2 } }]
      timeout: 3s
      headers: { response: { set: { user: v2 } } }
    - route: [{ destination: { host: back, subset: v1 } }]
      timeout: 3s
      headers: { response: { set: { user: v1 } } }
`
    const { text, notes } = importManifests(manifestsIn(manifests))
    const { services } = parse(text as string) as { services: Record<string, object> }
    expect(services['back']).toEqual({
      match: [{ port: 15_001 }],
      timeout: '3s',
      headers: { response: { set: { user: '%VERSION%' } } },
      trafficPolicy: { connectionPool: { tcp: { maxConnections: 7 } } },
    })
    expect(notes).toEqual([])
    const differing = importManifests(manifestsIn(manifests.replace('timeout: 3s', 'timeout: 4s')))
    expect(differing.notes.map(({ code }) => code)).toEqual(['import-actions'])
  })

  it('says what it could not carry over, with its place', () => {
    const weights = oneRule('headers: { x-user: {} }').replace(
      /- route: \[\{ destination: (\{[^}]*\}) \}\]/,
      (_, one: string) =>
        `- route: [{ destination: ${one}, weight: 90 }, { destination: ${one.replace('v1', 'v2')}, weight: 10 }]`,
    )
    const { notes } = importManifests(manifestsIn(weights))
    expect(notes).toContainEqual(
      expect.objectContaining({
        code: 'import-weights',
        line: 23,
        message: expect.stringContaining('write a gray rule with share'),
      }),
    )
    expect(
      importManifests(manifestsIn('apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: {}')).text,
    ).toBeUndefined()
  })
})

function oneRule(match: string): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: frontend }
spec:
  hosts: [frontend.default.svc.cluster.local]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: 10.0.0.1, labels: { version: v1 } }, { address: 10.0.0.2, labels: { version: v2 } }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: frontend }
spec: { host: frontend, subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: front }
spec:
  hosts: [shop.example.com]
  gateways: [edge]
  http:
    - { match: [{ ${match} }], route: [{ destination: { host: frontend, subset: v2 } }] }
    - route: [{ destination: { host: frontend, subset: v1 } }]
`
}
