// The way back: what import makes of what export wrote decides as the original does. And the story's manifests, corrected.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { loadConfiguration } from '../../src/config/load.ts'
import { exportIstio } from '../../src/istio/export-istio.ts'
import { importManifests } from '../../src/istio/import.ts'
import { rehearse, type Rehearsal } from '../../src/rehearse.ts'
import { manifestsAt, manifestsIn } from './manifests-at.ts'
import { type RandomRequest, randomRoutes } from './random-routes.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graylane-import-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function rehearsed(name: string, text: string): Promise<Rehearsal> {
  const path = join(folder, name)
  await writeFile(path, text)
  const rehearsal = await rehearse(path)
  if (!('explain' in rehearsal)) throw new Error(`${JSON.stringify(rehearsal.problems)}\n${text}`)
  return rehearsal
}

/** Version, upstream and what it is asked for; or the answer of the edge itself. */
function decided({ explain, configuration }: Rehearsal, request: RandomRequest): string {
  const headers = [['host', request.host] as const, ...request.headers]
  const seen = explain({ ip: request.from, method: request.method, url: request.path, headers })
  if (seen.forwards === undefined) return seen.edgeCode === '' ? `${seen.status} ${seen.version}` : String(seen.status)
  const name = seen.steps.find(({ step }) => step === 'release')?.outcome.split(',')[0]
  const release = configuration.releases.find((one) => one.name === name)
  const upstream = release?.versions.get(seen.poolVersion)?.pools.get(seen.service)?.[0]
  return `${seen.version} ${upstream?.hostname}:${upstream?.port} ${seen.forwards.target} ${seen.forwards.host}`
}

describe('import of an export', () => {
  const files = 150
  const url = (service: number, version: number): string => `http://10.0.${service}.${version + 1}:80`
  const general = new Set([
    'export-pin',
    'export-document',
    'export-unavailable',
    'export-users',
    'export-draining',
    'export-never',
  ])

  it(`decides as the original: ${files} random files`, { timeout: 120_000 }, async () => {
    const differences: string[] = []
    const leftOut = new Map<string, number>()
    let compared = 0
    for (let seed = 1; seed <= files; seed += 1) {
      const { text, requests } = randomRoutes(seed, { url }, { requests: 20, everything: false })
      const original = await rehearsed(`${seed}.yaml`, text)
      const loaded = await loadConfiguration(join(folder, `${seed}.yaml`))
      if (!('configuration' in loaded)) throw new Error(JSON.stringify(loaded.problems))
      const exported = exportIstio(loaded.configuration, { namespace: 'default' })
      const imported = importManifests(manifestsIn(exported.text))
      const codes = [...exported.omissions, ...imported.notes]
        .map(({ code }) => code)
        .filter((code) => !general.has(code))
      if (imported.text === undefined || codes.length > 0) {
        for (const code of new Set(codes)) leftOut.set(code, (leftOut.get(code) ?? 0) + 1)
        continue
      }
      compared += 1
      const back = await rehearsed(`${seed}-back.yaml`, imported.text)
      for (const request of requests) {
        const [before, after] = [decided(original, request), decided(back, request)]
        if (before !== after)
          differences.push(
            `seed ${seed}: ${JSON.stringify(request)}\n before ${before}\n after  ${after}\n${text}\n${exported.text}\n${imported.text}`,
          )
      }
    }
    expect(differences.slice(0, 1).join('')).toBe('')
    expect(differences).toHaveLength(0)
    expect({
      compared,
      ...Object.fromEntries([...leftOut].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    }).toMatchInlineSnapshot(`
      {
        "compared": 104,
        "export-match": 30,
        "import-everybody": 2,
        "import-order": 2,
        "import-shape": 34,
      }
    `)
  })
})

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
