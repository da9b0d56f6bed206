// The manifests that export writes, served in Istio mode, decide as the routes.yaml does; and behind them callers stay on their version.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { createGateway } from '../../src/gateway.ts'
import { exportIstio } from '../../src/istio/export-istio.ts'
import { ask, askForAll, decided, portOf, startBackend } from './decisions.ts'
import { manifestsIn } from './manifests-at.ts'
import { randomRoutes } from './random-routes.ts'
import { rehearseText } from './rehearsals.ts'

const wanted = 40
const general = new Set([
  'export-pin',
  'export-document',
  'export-unavailable',
  'export-users',
  'export-never',
  'export-draining',
])

describe('export istio', () => {
  const backends: Server[] = []
  let folder: string
  const url = (service: number, version: number): string =>
    `http://127.0.0.1:${portOf(backends[service * 13 + version] as Server)}`

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'graylane-export-'))
    for (let index = 0; index < 4 * 13; index += 1) backends.push(await startBackend())
  })
  afterAll(async () => {
    for (const backend of backends) backend.close()
    await rm(folder, { recursive: true })
  })

  it(`is decided by Istio mode as the original: ${wanted} random files`, { timeout: 120_000 }, async () => {
    const differences: string[] = []
    let compared = 0
    for (let seed = 1; compared < wanted; seed += 1) {
      const { text, requests } = randomRoutes(seed, { url }, { requests: 12, everything: false })
      const original = await rehearseText(join(folder, `${seed}.yaml`), text)
      const { trust, path: normalization } = original.configuration
      const exported = exportIstio(original.configuration, { namespace: 'default' })
      if (exported.omissions.some(({ code }) => !general.has(code))) continue
      compared += 1
      const manifests = join(folder, `${seed}-istio.yaml`)
      await writeFile(manifests, exported.text)
      const gateway = await createGateway({
        configPath: manifests,
        watch: false,
        manifests: served(normalization, trust.hops),
      })
      try {
        const port = gateway.listeners()[0]?.port as number
        for (const request of requests) {
          const [ours, theirs] = [decided(original, request).text, await ask(port, request)]
          if (ours !== theirs)
            differences.push(
              `seed ${seed}: ${JSON.stringify(request)}\n routes.yaml ${ours}\n manifests   ${theirs}\n${text}\n${exported.text}`,
            )
        }
      } finally {
        await gateway.close()
      }
    }
    expect(differences.slice(0, 1).join('')).toBe('')
    expect(differences).toHaveLength(0)
  })

  it('does what services do: retries, CORS, faults, as the original', { timeout: 60_000 }, async () => {
    const differences: string[] = []
    for (let seed = 30_001; seed <= 30_030; seed += 1) {
      const { text, requests } = randomRoutes(seed, { url }, { requests: 12, everything: false, actions: true })
      const path = join(folder, `${seed}.yaml`)
      const original = await rehearseText(path, text.replace('"port": 0', '"port": 8080'))
      const exported = exportIstio(original.configuration, { namespace: 'default' })
      if (exported.omissions.some(({ code }) => !general.has(code))) continue
      const { trust, path: normalization } = original.configuration
      const manifests = join(folder, `${seed}-istio.yaml`)
      await writeFile(manifests, exported.text)
      await writeFile(path, text)
      const here = await createGateway({ configPath: path, watch: false })
      const there = await createGateway({
        configPath: manifests,
        watch: false,
        manifests: served(normalization, trust.hops),
      })
      try {
        const [ours, theirs] = [here, there].map((gateway) => gateway.listeners()[0]?.port as number) as [
          number,
          number,
        ]
        for (const [index, request] of requests.entries()) {
          // A preflight is stable's in routes.yaml, which no manifest says: the export tells.
          if (request.method === 'OPTIONS') continue
          const one = await askForAll(ours, request, `here ${seed}.${index}`)
          const other = await askForAll(theirs, request, `there ${seed}.${index}`)
          if (one !== other) differences.push(`seed ${seed}: ${JSON.stringify(request)}\n ${one}\n ${other}\n${text}`)
        }
      } finally {
        await Promise.all([here.close(), there.close()])
      }
    }
    expect(differences.slice(0, 2).join('\n')).toBe('')
  })

  it('asks both when a service and a rule test one header', async () => {
    const services = { api: { match: [{ headers: { 'x-user': { prefix: 'j' } } }] }, frontend: {} }
    const gray = [{ version: 'v2', match: [{ headers: { 'x-user': { regex: '.*n' } } }] }]
    const versions = {
      v1: { api: url(0, 0), frontend: url(2, 0) },
      v2: { api: url(0, 1), frontend: url(2, 1) },
    }
    const text = JSON.stringify({ listen: [{ port: 8080 }], services, versions, stable: 'v1', gray })
    const original = await rehearseText(join(folder, 'twice.yaml'), text)
    const exported = exportIstio(original.configuration, { namespace: 'default' })
    expect(exported.text).toContain('x-user: { prefix: j }, X-User: { regex: ".*n" }')
    const manifests = join(folder, 'twice-istio.yaml')
    await writeFile(manifests, exported.text)
    const gateway = await createGateway({
      configPath: manifests,
      watch: false,
      manifests: { ports: new Map([[8080, 0]]), address: '127.0.0.1', accessLog: 'off' },
    })
    try {
      const port = gateway.listeners()[0]?.port as number
      for (const user of ['jason', 'ben', 'jim', 'bob']) {
        const request = {
          method: 'GET',
          path: '/',
          host: 'shop',
          from: '127.0.0.2',
          headers: [['x-user', user]] as const,
        }
        expect(await ask(port, request), user).toBe(decided(original, request).text)
      }
    } finally {
      await gateway.close()
    }
  })

  it('writes manifests that Istio takes', async () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const { text } = randomRoutes(seed, { url }, { requests: 0, everything: false })
      const original = await rehearseText(join(folder, `${seed}-taken.yaml`), text)
      const { resources } = manifestsIn(exportIstio(original.configuration, { namespace: 'default' }).text)
      expect(resources.flatMap(({ problems }) => problems)).toEqual([])
    }
  })

  it('names the widest hosts alone, since Istio takes none that another one covers, and says whose the others become', async () => {
    const release = (name: string, hosts: readonly string[], first: object): string =>
      JSON.stringify({
        name,
        hosts,
        ...first,
        services: { web: {} },
        versions: { v1: { web: url(0, 0) } },
        stable: 'v1',
      })
    const text = [
      release('one', ['*', 'a.b.test', 'c.test'], { listen: [{ port: 8080 }] }),
      release('two', ['*.b.test'], {}),
    ].join('\n---\n')
    const { configuration } = await rehearseText(join(folder, 'hosts.yaml'), text)
    const { text: exported, omissions } = exportIstio(configuration, { namespace: 'default' })
    expect(manifestsIn(exported).resources.flatMap(({ problems }) => problems)).toEqual([])
    expect(exported).toContain('hosts: ["*"]\n  gateways')
    expect(omissions.filter(({ code }) => code === 'export-hosts').map(({ message }) => message)).toEqual([
      'host a.b.test is left out: one VirtualService cannot have it beside *, and without it it is that of two',
    ])
  })

  it('keeps callers in the mesh on their version: by their label, by the header they pass on, else stable', async () => {
    const versions = {
      v1: { api: url(0, 0), frontend: url(2, 0) },
      v2: { api: url(0, 1), frontend: url(2, 1) },
      v3: { frontend: url(2, 2), base: 'v2' },
    }
    const services = { api: '/api/', frontend: {} }
    const text = JSON.stringify({ name: 'shop', listen: [{ port: 8080 }], services, versions, stable: 'v1' })
    const rehearsal = await rehearseText(join(folder, 'coupled.yaml'), text)
    const manifests = join(folder, 'coupled-istio.yaml')
    await writeFile(manifests, exportIstio(rehearsal.configuration, { namespace: 'default' }).text)
    const callers = [{ version: 'v1' }, { version: 'v2' }, { version: 'v3' }, { app: 'other' }]
    const internal = callers.map((labels) => ({
      port: 0,
      servicePort: 80,
      namespace: 'default',
      labels: new Map(Object.entries(labels)),
    }))
    const gateway = await createGateway({
      configPath: manifests,
      watch: false,
      manifests: { ports: new Map([[8080, 0]]), address: '127.0.0.1', accessLog: 'off', internal },
    })
    try {
      const ports = gateway
        .listeners()
        .filter((listener) => listener.internal)
        .map(({ port }) => port)
      const call = (index: number, headers: [string, string][] = []): Promise<string> =>
        ask(ports[index] as number, { method: 'GET', path: '/devices', host: 'api', from: '127.0.0.2', headers })
      const of = (version: number, name: string): string =>
        `${portOf(backends[version] as Server)} ${name} /devices api`
      expect([await call(0), await call(1), await call(2), await call(3)]).toEqual([
        of(0, 'v1'),
        of(1, 'v2'),
        of(1, 'v3'),
        of(0, 'v1'),
      ])
      expect(await call(3, [['x-version', 'v2']])).toBe(of(1, 'v2'))
      expect(await call(0, [['x-version', 'v2']])).toBe(of(0, 'v1'))
    } finally {
      await gateway.close()
    }
  })
})

/** As the export says the mesh has to be. */
function served(normalization: string, hops = 0) {
  return {
    ports: new Map([[8080, 0]]),
    address: '127.0.0.1',
    accessLog: 'off',
    meshConfig: {
      pathNormalization: { normalization: normalization === 'strict' ? 'MERGE_SLASHES' : normalization },
      defaultConfig: { gatewayTopology: { numTrustedProxies: hops } },
    },
  }
}
