// The story in small for the dashboard: two services in three versions as real servers, a gateway between visitors and them, and its admin
// server. The frontends call mqtt-server through the gateway, as services do. All ports are the kernel's choice.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

import { createAdminServer, type AdminServer } from '../../src/admin/server.ts'
import { createGateway, type PhasedGateway } from '../../src/gateway.ts'

const versions = ['v1', 'v2', 'v3'] as const
export type Version = (typeof versions)[number]

/** Who visits, by what the story tells them apart. */
const guests = {
  stranger: (turn: number) => ({ 'x-forwarded-for': anAddress(turn) }),
  office: () => ({ 'x-forwarded-for': '192.168.0.58' }),
  jason: (turn: number) => ({ 'x-forwarded-for': anAddress(turn), cookie: 'user=jason' }),
}

/** Of a few dozen, none of them the office. */
function anAddress(turn: number): string {
  return `192.168.7.${turn % 40}`
}

export type Guest = keyof typeof guests

interface StageOptions {
  /** Which version a backend says it is; its own by default. For showing what a crossing looks like. */
  readonly served?: (service: string, version: Version) => string | undefined
  /** Of every answer; 200 by default. */
  readonly status?: () => number
  /** Milliseconds that an answer takes. */
  readonly delayMs?: () => number
  /** Wanted by the admin server. */
  readonly token?: string
  /** More documents of routes.yaml, each with its `---`. */
  readonly otherReleases?: string
}

export class GrayStage implements AsyncDisposable {
  readonly gateway: PhasedGateway
  readonly admin: AdminServer
  readonly path: string
  readonly #folder: string
  readonly #servers: readonly Server[]
  #isOver = false
  #turn = 0
  readonly #visits: Promise<void>[] = []

  private constructor(gateway: PhasedGateway, admin: AdminServer, folder: string, servers: readonly Server[]) {
    this.gateway = gateway
    this.admin = admin
    this.#folder = folder
    this.path = join(folder, 'routes.yaml')
    this.#servers = servers
  }

  static async start(options: StageOptions = {}): Promise<GrayStage> {
    const folder = await mkdtemp(join(tmpdir(), 'graylane-stage-'))
    const servers: Server[] = []
    let internalPort = 0
    const pools: string[] = []
    for (const [index, version] of versions.entries()) {
      const address = `127.0.1.${index + 1}`
      const frontend = await listen(address, (incoming, response) =>
        answerPage(incoming, response, { version, internalPort, ...options }),
      )
      const backend = await listen(address, (_incoming, response) =>
        answerDevices(response, { version, internalPort, ...options }),
      )
      servers.push(frontend, backend)
      pools.push(`  ${version}: { frontend: "${urlOf(frontend)}", mqtt-server: "${urlOf(backend)}" }`)
    }
    const path = join(folder, 'routes.yaml')
    await writeFile(path, storyRoutes(pools) + (options.otherReleases ?? ''))
    const gateway = await createGateway({ configPath: path })
    internalPort = gateway.listeners().find(({ internal }) => internal)!.port
    const listen0 = { host: '127.0.0.1', port: 0 }
    const admin = await createAdminServer({
      view: gateway,
      metrics: gateway.metrics,
      listen: listen0,
      build: '0.1.0',
      token: options.token,
    })
    return new GrayStage(gateway, admin, folder, servers)
  }

  get dashboard(): string {
    return `http://${this.admin.address}/`
  }

  routes(): Promise<string> {
    return readFile(this.path, 'utf8')
  }

  /** One page load: the document, a script, an API call. Resolves with the versions that answered. */
  async visit(guest: Guest): Promise<readonly string[]> {
    const known: Record<string, string> = guests[guest](this.#turn++)
    const page = await this.get('/', { ...known, accept: 'text/html' })
    const cookie = [known['cookie'], page.setCookie?.split(';')[0]].filter((part) => part !== undefined).join('; ')
    const fields = { ...known, cookie }
    const rest = [await this.get('/assets/app.js', fields), await this.get('/api/devices', fields)]
    return [page, ...rest].map(({ version }) => version)
  }

  /** Keeps visiting in the background until the stage is over. @param perSecond visits */
  keepVisiting(guest: Guest, perSecond: number): void {
    this.#visits.push(this.#visitAgain(guest, 1000 / perSecond))
  }

  async #visitAgain(guest: Guest, everyMs: number): Promise<void> {
    while (!this.#isOver) {
      await this.visit(guest).catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, everyMs))
    }
  }

  get(
    path: string,
    headers: Record<string, string>,
  ): Promise<{ version: string; status: number; setCookie?: string | undefined }> {
    const { port } = this.gateway.listeners().find(({ internal }) => !internal)!
    return new Promise((resolve, reject) => {
      request({ port, path, headers, agent: false }, (incoming) => {
        const { 'x-version': version, 'set-cookie': cookies } = incoming.headers
        incoming.resume().on('end', () => {
          resolve({ version: String(version), status: incoming.statusCode ?? 0, setCookie: cookies?.[0] })
        })
      })
        .on('error', reject)
        .end()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#visits)
    await this.admin.close()
    await this.gateway.close()
    for (const server of this.#servers) {
      server.closeAllConnections()
      server.close()
    }
    await rm(this.#folder, { recursive: true })
  }
}

function storyRoutes(pools: readonly string[]): string {
  return `# The shop: a frontend and its backend, released together.
name: shop
listen:
  - { port: 0, address: 127.0.0.1 }
  - { port: 0, address: 127.0.0.1, internal: true }
trust: [127.0.0.0/8]
services:
  mqtt-server: /api/
  frontend: {}
versions:
${pools.join('\n')}
stable: v1
gray:
  - name: office
    version: v2
    ip: [192.168.0.58]
  - name: testers
    version: v3
    match: [{ cookies: { user: { exact: jason } } }]
accessLog: off
`
}

interface Backend extends StageOptions {
  readonly version: Version
  readonly internalPort: number
}

/** A page asks the backend too, as the caller it is: through the gateway's internal listener, with the version it was called with. */
async function answerPage(incoming: IncomingMessage, response: ServerResponse, backend: Backend): Promise<void> {
  const { version, internalPort, served, delayMs } = backend
  await pause(delayMs?.() ?? 0)
  response.statusCode = backend.status?.() ?? 200
  if (incoming.url === '/') {
    const headers = { host: 'mqtt-server', 'x-version': String(incoming.headers['x-version']) }
    await new Promise<void>((resolve) => {
      request({ port: internalPort, path: '/api/devices', headers, agent: false }, (answer) => {
        void text(answer).then(() => resolve())
      })
        .on('error', () => resolve())
        .end()
    })
  }
  const name = served?.('frontend', version) ?? version
  response.setHeader('content-type', incoming.url === '/' ? 'text/html' : 'text/javascript')
  response.setHeader('x-served-version', name)
  response.end(`frontend ${name}`)
}

async function answerDevices(response: ServerResponse, { version, served, delayMs, status }: Backend): Promise<void> {
  await pause(delayMs?.() ?? 0)
  response.statusCode = status?.() ?? 200
  response.setHeader('content-type', 'application/json')
  response.setHeader('x-served-version', served?.('mqtt-server', version) ?? version)
  response.end(JSON.stringify({ message: [version] }))
}

function pause(ms: number): Promise<void> | undefined {
  return ms === 0 ? undefined : new Promise((resolve) => setTimeout(resolve, ms))
}

async function listen(
  address: string,
  handle: (incoming: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<Server> {
  const server = createServer((incoming, response) => void handle(incoming, response))
  await new Promise<void>((resolve) => server.listen(0, address, resolve))
  return server
}

function urlOf(server: Server): string {
  const { address, port } = server.address() as AddressInfo
  return `http://${address}:${port}`
}
