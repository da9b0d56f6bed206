// A gateway that follows its files, with a backend for each service and version, for tests that change these files under it.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { createGateway, type Gateway } from '../../src/gateway.ts'
import { samplesOf } from '../observe/exposition-text.ts'
import { type Echo, type EchoBackend, startEchoBackend } from '../support/echo-backend.ts'
import { sendRaw } from '../support/raw-request.ts'

/** docs/operations.md: a change is in force within two seconds. */
const limitMs = 2000

const services = ['frontend', 'api'] as const
const versions = ['v1', 'v2', 'v3'] as const

/** URL of the backend of each service and version. */
export type Urls = (service: string, version: string) => string

export class ReloadableGateway implements AsyncDisposable {
  readonly gateway: Gateway
  readonly directory: string
  readonly urls: Urls
  /** What the gateway said for people. */
  readonly lines: readonly string[]
  readonly #backends: ReadonlyMap<string, EchoBackend>

  private constructor(
    gateway: Gateway,
    directory: string,
    lines: readonly string[],
    backends: Map<string, EchoBackend>,
  ) {
    this.gateway = gateway
    this.directory = directory
    this.lines = lines
    this.#backends = backends
    this.urls = urlsOf(backends)
  }

  /** `write` puts routes.yaml, and what it names, into the directory. */
  static async start(write: (directory: string, urls: Urls) => Promise<void>): Promise<ReloadableGateway> {
    const directory = await mkdtemp(join(tmpdir(), 'graylane-reload-'))
    const backends = new Map<string, EchoBackend>()
    for (const service of services) {
      for (const version of versions) backends.set(`${service} ${version}`, await startEchoBackend(service, version))
    }
    await writeFile(join(directory, 'pin.key'), 'the key of a test, which has 32 bytes and more')
    await write(directory, urlsOf(backends))
    const lines: string[] = []
    const configPath = join(directory, 'routes.yaml')
    const gateway = await createGateway({ configPath, log: (line) => lines.push(line) })
    return new ReloadableGateway(gateway, directory, lines, backends)
  }

  get configPath(): string {
    return join(this.directory, 'routes.yaml')
  }

  /** Of the first listener. */
  get port(): number {
    const [listener] = this.gateway.listeners()
    if (listener === undefined) throw new Error('the gateway listens nowhere')
    return listener.port
  }

  /** A page load of its own connection; the version of the backend that answered it. */
  async versionOf(...lines: readonly string[]): Promise<string> {
    const target = { host: '127.0.0.1', port: this.port, from: '127.0.0.1' }
    const head = ['GET / HTTP/1.1', 'Host: shop.test', 'Accept: text/html', 'Connection: close', ...lines]
    const { status, body } = await sendRaw(target, head)
    return status === 200 ? (JSON.parse(body) as Echo).version : `status ${status}`
  }

  async becomes(version: string, ...lines: readonly string[]): Promise<void> {
    await comesTo(() => this.versionOf(...lines), version)
  }

  /** How often a reload took effect, and how often it failed. */
  async reloads(): Promise<{ done: number; failed: number }> {
    const text = await this.gateway.metrics.text()
    const valueOf = (name: string): number => samplesOf(text, name)[0]?.value ?? NaN
    return {
      done: valueOf('graylane_config_reloads_total'),
      failed: valueOf('graylane_config_reload_failures_total'),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway.close()
    for (const backend of this.#backends.values()) await backend.close()
    await rm(this.directory, { recursive: true })
  }
}

/** Asks until it is as wanted, for as long as a change may take. */
export async function comesTo<T>(ask: () => T | Promise<T>, wanted: T): Promise<void> {
  let last = await ask()
  for (const end = Date.now() + limitMs; last !== wanted && Date.now() < end; last = await ask()) await sleep(10)
  expect(last, `within ${limitMs} ms`).toBe(wanted)
}

/** The `versions` of routes.yaml, as flow YAML, with these versions alone. */
export function poolsOf(urls: Urls, names: readonly string[] = versions): string {
  const entries = names.map((version) => {
    const pools = services.map((service) => `${service}: "${urls(service, version)}"`)
    return `  ${version}: { ${pools.join(', ')} }`
  })
  return `versions:\n${entries.join('\n')}`
}

function urlsOf(backends: ReadonlyMap<string, EchoBackend>): Urls {
  return (service, version) => {
    const backend = backends.get(`${service} ${version}`)
    if (backend === undefined) throw new Error(`no backend for ${service} ${version}`)
    return backend.url
  }
}
