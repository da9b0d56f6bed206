// A real gateway with its admin server over two services in two versions, and ways to send it traffic and to read what it tells.

import { request as httpRequest } from 'node:http'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { createAdminServer, type AdminServer } from '../../src/admin/server.ts'
import { createGateway, type PhasedGateway } from '../../src/gateway.ts'
import { type EchoBackend, startEchoBackend } from '../support/echo-backend.ts'

export class LiveGateway implements AsyncDisposable {
  readonly gateway: PhasedGateway
  readonly admin: AdminServer
  readonly path: string
  readonly #folder: string
  readonly #backends: readonly EchoBackend[]

  private constructor(gateway: PhasedGateway, admin: AdminServer, folder: string, backends: readonly EchoBackend[]) {
    this.gateway = gateway
    this.admin = admin
    this.#folder = folder
    this.path = join(folder, 'routes.yaml')
    this.#backends = backends
  }

  static async start(): Promise<LiveGateway> {
    const folder = await mkdtemp(join(tmpdir(), 'graylane-admin-'))
    const backends: EchoBackend[] = []
    const backend = async (service: string, version: string): Promise<string> => {
      const started = await startEchoBackend(service, version)
      backends.push(started)
      return started.url
    }
    await writeFile(
      join(folder, 'routes.yaml'),
      `# The shop.
name: shop
listen: [{ port: 0, address: 127.0.0.1 }]
trust: [127.0.0.0/8]
services:
  mqtt-server: /api/
  frontend: {}
versions:
  v1: # what everyone has
    frontend: ${await backend('frontend', 'v1')}
    mqtt-server: ${await backend('mqtt-server', 'v1')}
  v2:
    frontend: ${await backend('frontend', 'v2')}
    mqtt-server: ${await backend('mqtt-server', 'v2')}
stable: v1
gray:
  - name: office
    version: v2
    ip: [192.168.0.58]
accessLog: off
`,
    )
    const gateway = await createGateway({ configPath: join(folder, 'routes.yaml'), watch: false })
    const admin = await createAdminServer({
      view: gateway,
      metrics: gateway.metrics,
      listen: { host: '127.0.0.1', port: 0 },
      build: '1.2.3',
    })
    return new LiveGateway(gateway, admin, folder, backends)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.admin.close()
    await this.gateway.close()
    for (const backend of this.#backends) await backend.close()
    await rm(this.#folder, { recursive: true })
  }

  text(): Promise<string> {
    return readFile(this.path, 'utf8')
  }

  /** One request through the gateway; its status and fields. */
  async get(path: string, headers: Record<string, string> = {}): Promise<{ status: number; version: string }> {
    const { port } = this.gateway.listeners()[0]!
    return new Promise((resolve, reject) => {
      const outgoing = httpRequest({ port, path, headers, agent: false }, (incoming) => {
        incoming.resume().on('end', () => {
          resolve({ status: incoming.statusCode ?? 0, version: String(incoming.headers['x-version']) })
        })
      })
      outgoing.on('error', reject).end()
    })
  }

  ask(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`http://${this.admin.address}${path}`, init)
  }

  async json<T>(path: string): Promise<T> {
    const answer = await this.ask(path, { headers: { accept: 'application/json' } })
    return (await answer.json()) as T
  }

  async post(path: string, body: object): Promise<{ status: number; body: Record<string, unknown> }> {
    const answer = await this.ask(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }
}
