// The way there and back: what import makes of what export wrote decides as the original does, and does what it did.

import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'

import type { ServiceSpec } from '../../src/rules/release.ts'
import { exportIstio } from '../../src/istio/export-istio.ts'
import { importManifests } from '../../src/istio/import.ts'
import type { Rehearsal } from '../../src/rehearse.ts'
import { manifestsIn } from './manifests-at.ts'
import { type RandomRequest, randomRoutes } from './random-routes.ts'
import { rehearsals } from './rehearsals.ts'

const rehearsed = rehearsals()

/** `port` of the internal listener, for what services ask each other. */
type Asked = RandomRequest & { readonly port?: number }

/** Every service of the first release by its name, from callers of every version and from strangers. */
function calls({ configuration }: Rehearsal): readonly Asked[] {
  const [release] = configuration.releases
  return (release?.services ?? []).flatMap(({ name }) =>
    [...(release?.versions.keys() ?? []), 'none'].map((version) => ({
      method: 'GET',
      path: '/devices',
      host: name,
      from: '127.0.0.2',
      headers: [['x-version', version]] as const,
      port: 15_001,
    })),
  )
}

/** With an internal listener, as import writes one. */
function withInside(text: string): string {
  const [first, ...rest] = text.split('\n---\n').map((document) => JSON.parse(document) as { listen: object[] })
  first?.listen.push({ port: 15_001, internal: true })
  return [first, ...rest].map((document) => JSON.stringify(document, undefined, 1)).join('\n---\n')
}

/** Version, service, its upstreams and what they are asked for; or the answer of the edge itself. */
function decided({ explain, configuration }: Rehearsal, request: Asked, named = true): string {
  const headers = [['host', request.host] as const, ...request.headers]
  const seen = explain({ ip: request.from, method: request.method, url: request.path, headers, port: request.port })
  const who = named ? `${seen.version} ${seen.service}` : seen.version
  if (seen.forwards === undefined) return `${who}: ${seen.status} ${named ? seen.edgeCode : ''}`
  const name = seen.steps.find(({ step }) => step === 'release')?.outcome.split(',')[0]
  const release = configuration.releases.find((one) => one.name === name)
  const upstreams = release?.versions.get(seen.poolVersion)?.pools.get(seen.service) ?? []
  return `${who}: ${upstreams.map(({ hostname, port }) => `${hostname}:${port}`).join()} ${seen.forwards.target} ${seen.forwards.host}`
}

/** What a service does, as text; a copy's version is that of the pool it goes to. */
function done(service: ServiceSpec | undefined): string {
  const { retries, corsPolicy, fault, timeoutMs, mirrors } = service ?? {}
  const copies = (mirrors ?? []).map((mirror) => [mirror.service, mirror.percentage])
  return JSON.stringify({ retries, corsPolicy, fault, timeoutMs, copies }, (key, value: unknown) => {
    if (key === 'place') return undefined
    return value instanceof Set ? [...value].toSorted() : value
  })
}

interface Manifest {
  readonly metadata: { readonly annotations?: Record<string, string> }
  readonly spec: { readonly http?: readonly { name?: string; match?: { name?: string }[] }[] }
}

describe('import of an export', () => {
  const files = 150
  const url = (service: number, version: number): string => `http://10.0.${service}.${version + 1}:80`
  /** Said of what no first request shows, or what decides the same without it. */
  const general = new Set([
    'export-pin',
    'export-document',
    'export-unavailable',
    'export-users',
    'export-draining',
    'export-never',
  ])
  /** What is left of the manifests when somebody writes them by hand: nothing that only export knows. */
  const withoutNames = (text: string): string =>
    parseAllDocuments(text)
      .map((document) => {
        const { metadata, spec } = document.toJS() as Manifest
        if (metadata.annotations !== undefined) delete metadata.annotations['graylane/services']
        for (const route of spec.http ?? []) {
          delete route.name
          for (const match of route.match ?? []) delete match.name
        }
        return JSON.stringify({ ...(document.toJS() as object), metadata, spec })
      })
      .join('\n---\n')

  async function compare(named: boolean) {
    const differences: string[] = []
    const leftOut = new Map<string, number>()
    const met = new Map<string, number>()
    let compared = 0
    for (let seed = 1; seed <= files; seed += 1) {
      const { text: outside, requests } = randomRoutes(seed, { url }, { requests: 40, everything: false })
      const text = withInside(outside)
      const original = await rehearsed(`${seed}.yaml`, text)
      const exported = exportIstio(original.configuration, { namespace: 'default' })
      const imported = importManifests(manifestsIn(named ? exported.text : withoutNames(exported.text)))
      const codes = [...exported.omissions, ...imported.notes]
        .map(({ code }) => code)
        .filter((code) => !general.has(code))
      if (imported.text === undefined || codes.length > 0) {
        for (const code of new Set(codes)) leftOut.set(code, (leftOut.get(code) ?? 0) + 1)
        continue
      }
      compared += 1
      const back = await rehearsed(`${seed}-back.yaml`, imported.text)
      for (const request of [...requests, ...(named ? calls(original) : [])]) {
        const [before, after] = [decided(original, request, named), decided(back, request, named)]
        met.set(before, (met.get(before) ?? 0) + 1)
        if (before !== after)
          differences.push(
            `seed ${seed}: ${JSON.stringify(request)}\n before ${before}\n after  ${after}\n${text}\n${exported.text}\n${imported.text}`,
          )
      }
    }
    return { differences, leftOut: Object.fromEntries([...leftOut].toSorted()), compared, met }
  }

  it(`decides as the original: ${files} random files`, { timeout: 120_000 }, async () => {
    const { differences, leftOut, compared, met } = await compare(true)
    expect(differences.slice(0, 1).join('')).toBe('')
    expect(differences).toHaveLength(0)
    expect({ compared, leftOut }).toEqual({ compared: files, leftOut: {} })
    // Versions, services and answers of the edge were all met: a test of nothing but 404 would pass too.
    for (const what of ['v1 api:', 'v2 frontend:', '1.10 assets:', ' 301 ', ' 404 EDGE_NO_SERVICE'])
      expect([...met].filter(([text]) => text.includes(what)).length, what).toBeGreaterThan(0)
  })

  it('decides as the original where names are taken away, or says why not', { timeout: 120_000 }, async () => {
    const { differences, leftOut, compared } = await compare(false)
    expect(differences.slice(0, 1).join('')).toBe('')
    expect(differences).toHaveLength(0)
    expect({ compared, leftOut }).toMatchInlineSnapshot(`
      {
        "compared": 106,
        "leftOut": {
          "import-everybody": 2,
          "import-match": 34,
          "import-order": 2,
          "import-reach": 32,
          "import-shape": 9,
        },
      }
    `)
  })
})

describe('what a round trip keeps', () => {
  const shop = `
name: shop
listen: [{ port: 8080 }]
services:
  search: { match: [{ uri: { prefix: /search }, headers: { x-beta: {} } }, { uri: { exact: /find } }] }
  api: /api/
  frontend: { headers: { response: { set: { x-shop: "of %VERSION%" } } } }
versions:
  v1: { api: http://10.0.0.1:80, frontend: http://10.0.1.1:80 }
  v2: { api: http://10.0.0.2:80, search: http://10.0.2.2:80 }
  v3: { frontend: http://10.0.1.3:80, base: v2 }
  v4: { frontend: http://10.0.1.4:80, base: v4 }
stable: v1
gray:
  - { name: stable, version: v2, ip: [192.168.0.58] }
  - { version: v3, match: [{ headers: { x-beta: { exact: "on" } } }, { cookies: { user: { in: [jason, bob] } } }] }
  - { name: line-2, version: v4, match: [{ headers: { x-kind: { prefix: q } }, cookies: { user: {}, group: { regex: "q.*" } } }] }
`

  async function roundTrip(text: string, edit = (manifests: string): string => manifests) {
    const original = await rehearsed('shop.yaml', text)
    const exported = exportIstio(original.configuration, { namespace: 'default' })
    const imported = importManifests(manifestsIn(edit(exported.text)))
    return { original, exported, imported, back: await rehearsed('shop-back.yaml', imported.text as string) }
  }

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('is what services do: retries, CORS, faults, mirrors (%d)', async (seed) => {
    const url = (service: number, version: number): string => `http://10.0.${service}.${version + 1}:80`
    const { text } = randomRoutes(20_000 + seed, { url }, { requests: 0, everything: false, actions: true })
    const { original, back, imported } = await roundTrip(text.replace('"port": 0', '"port": 8080'))
    expect(imported.notes).toEqual([])
    for (const [index, { services }] of original.configuration.releases.entries()) {
      const after = back.configuration.releases[index]?.services
      for (const service of services) {
        expect(done(after?.find(({ name }) => name === service.name)), service.name).toBe(done(service))
      }
    }
  })

  it('is services in their order, versions that lend, and rules with their names', async () => {
    const { original, back, imported } = await roundTrip(shop)
    const [before, after] = [original.configuration.releases[0], back.configuration.releases[0]]
    expect(imported.notes).toEqual([])
    expect(after?.services.map(({ name }) => name)).toEqual(['search', 'api', 'frontend'])
    expect(after?.gray.map(({ name, version }) => [name, version])).toEqual([
      ['stable', 'v2'],
      [undefined, 'v3'],
      ['line-2', 'v4'],
    ])
    expect(after?.gray[1]?.condition).toMatchObject({
      kind: 'match',
      items: [
        { headers: new Map([['x-beta', { kind: 'exact', value: 'on' }]]) },
        { cookies: new Map([['user', { kind: 'in', values: new Set(['jason', 'bob']) }]]) },
      ],
    })
    for (const [name, { base, pools }] of before?.versions ?? []) {
      expect(after?.versions.get(name)?.base, name).toBe(base)
      expect([...(after?.versions.get(name)?.pools ?? [])].toSorted(), name).toEqual([...pools].toSorted())
    }
    const body = after?.services.find(({ name }) => name === 'frontend')
    expect(body?.responseHeaders?.set.get('x-shop')).toBe('of %VERSION%')
  })

  it('falls back to what routes ask for when somebody has changed them, and says so', async () => {
    const { imported } = await roundTrip(shop, (text) => text.replace('name: line-2/frontend', 'name: mine'))
    expect(imported.notes).toContainEqual(
      expect.objectContaining({ code: 'import-names', message: expect.stringContaining('no longer what it wrote') }),
    )
  })

  it.each([
    ['a name of another rule', (text: string) => text.replace('name: "#2/api"', 'name: stable/api')],
    ['a service', (text: string) => text.replace('name: stable/api', 'name: stable/search')],
    ['a condition', (text: string) => text.replace('x-beta: { exact: "on" }', 'x-beta: { exact: "off" }')],
  ])('does not believe names where %s was changed', async (_, edit) => {
    const { imported } = await roundTrip(shop, edit)
    expect(imported.notes.map(({ code }) => code)).toContain('import-names')
  })

  it('is not what no match can say: two patterns for one query parameter', async () => {
    const text = `
listen: [{ port: 8080 }]
services: { api: { match: [{ queryParams: { k: { regex: "a.*" } } }] }, frontend: {} }
versions: { v1: { api: http://10.0.0.1:80, frontend: http://10.0.1.1:80 } }
stable: v1
gray: [{ version: v1, match: [{ queryParams: { k: { regex: ".*b" } } }] }]
`
    const { exported } = await roundTrip(text)
    expect(exported.omissions).toContainEqual(
      expect.objectContaining({
        code: 'export-match',
        severity: 'warning',
        line: 6,
        message: expect.stringContaining('two patterns for queryParams.k at once'),
      }),
    )
  })
})
