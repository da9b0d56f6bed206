// A gateway of two real worker processes between backends of two versions, and ways to reach one worker alone.

import { execFile } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { type Answer, rawRequest } from '../admin/raw-request.ts'
import { ServingProcess } from '../cli/graylane-process.ts'
import { routesFolder, type RoutesFolder } from '../cli/routes.ts'
import { sourceSamplesOf } from '../observe/exposition-text.ts'
import { type EchoBackend, startEchoBackend } from '../support/echo-backend.ts'

export interface WorkerInfo {
  readonly pid: number
  readonly ready: boolean
  readonly restarts: number
}

export interface Readiness {
  readonly state: string
  readonly configuration: string
  readonly workers: readonly WorkerInfo[]
  readonly lastReload: { readonly ok: boolean; readonly problems: readonly { readonly message: string }[] }
}

export class ClusterUnderTest implements AsyncDisposable {
  readonly serving: ServingProcess
  readonly folder: RoutesFolder
  /** Of frontend v1 and v2. */
  readonly backends: readonly [EchoBackend, EchoBackend]

  private constructor(serving: ServingProcess, folder: RoutesFolder, backends: readonly [EchoBackend, EchoBackend]) {
    this.serving = serving
    this.folder = folder
    this.backends = backends
  }

  /** `more` is YAML at the top level. */
  static async start(more = '', args: readonly string[] = ['--workers', '2']): Promise<ClusterUnderTest> {
    const backends = [await startEchoBackend('frontend', 'v1'), await startEchoBackend('frontend', 'v2')] as const
    const folder = await routesFolder()
    await folder.write(twoVersions(backends, more))
    const serving = await ServingProcess.start(folder.path, args)
    return new ClusterUnderTest(serving, folder, backends)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Workers that a test left stopped could not end.
    for (const pid of await this.pids().catch(() => [])) signal(pid, 'SIGCONT')
    await this.serving.kill()
    for (const backend of this.backends) await backend.close()
    await this.folder.remove()
  }

  yaml(more = ''): string {
    return twoVersions(this.backends, more)
  }

  write(more: string): Promise<string> {
    return this.folder.write(this.yaml(more))
  }

  /** On a connection of its own. */
  get(target: string, ...fields: string[]): Promise<Answer> {
    return this.at(this.serving.listener, target, ...fields)
  }

  at(listener: string, target = '/', ...fields: string[]): Promise<Answer> {
    return rawRequest(listener, { target, fields: [`Host: ${listener}`, ...fields] })
  }

  async version(...fields: string[]): Promise<string | undefined> {
    return (await this.get('/', ...fields)).fields.get('x-version')
  }

  admin(target: string, method = 'GET'): Promise<Answer> {
    return rawRequest(this.serving.admin, { method, target })
  }

  async readiness(): Promise<Readiness> {
    return JSON.parse((await this.admin('/readyz?verbose')).body) as Readiness
  }

  async reload(): Promise<{ ok: boolean; snapshot: string; problems: readonly { readonly message: string }[] }> {
    return JSON.parse((await this.admin('/reload', 'POST')).body) as Awaited<ReturnType<ClusterUnderTest['reload']>>
  }

  /** Process ids of the workers. */
  async pids(): Promise<number[]> {
    return (await this.readiness()).workers.map(({ pid }) => pid).filter((pid) => pid > 0)
  }

  async becomesReady(workers = 2): Promise<void> {
    await expect
      .poll(async () => (await this.readiness()).workers.filter(({ ready }) => ready).length, { timeout: 20_000 })
      .toBe(workers)
  }

  /** What `ask` gets while this worker alone can answer: the others are stopped as a hung process is. */
  async withOnly<T>(pid: number, ask: () => Promise<T>): Promise<T> {
    const others = (await this.pids()).filter((other) => other !== pid)
    for (const other of others) await stop(other)
    try {
      return await ask()
    } finally {
      for (const other of others) signal(other, 'SIGCONT')
    }
  }

  /** Samples of a metric, added up. */
  async count(name: string): Promise<number> {
    const samples = sourceSamplesOf((await this.admin('/metrics')).body, name)
    return samples.reduce((sum, { value }) => sum + value, 0)
  }
}

/** Frontends of two versions; who has the cookie user=jason gets v2. No keys: pins are signed by a random one. */
function twoVersions([v1, v2]: readonly [EchoBackend, EchoBackend], more: string): string {
  return `name: shop
listen: [{ port: 0, address: 127.0.0.1 }]
services: { frontend: {} }
versions:
  v1: { frontend: "${v1.url}" }
  v2: { frontend: "${v2.url}" }
gray: [{ version: v2, match: [{ cookies: { user: { exact: jason } } }] }]
${more.includes('stable:') ? '' : 'stable: v1\n'}${more}
`
}

const run = promisify(execFile)

/** One letter, as ps has it: T is stopped. Undefined when there is no such process. */
async function stateOf(pid: number): Promise<string | undefined> {
  try {
    return (await run('ps', ['-o', 'state=', '-p', String(pid)])).stdout.trim()[0]
  } catch {
    return undefined
  }
}

/** A process that has ended may wait for its parent: Z. */
export async function isGone(pid: number): Promise<boolean> {
  const state = await stateOf(pid)
  return state === undefined || state === 'Z'
}

/** Returns when it is stopped. */
export async function stop(pid: number): Promise<void> {
  signal(pid, 'SIGSTOP')
  while ((await stateOf(pid)) !== 'T') await sleep(5)
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // Gone already.
  }
}

export const asJason = 'Cookie: user=jason'
export const asPage = 'Accept: text/html'
