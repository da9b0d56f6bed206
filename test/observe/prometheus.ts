// A real Prometheus for the tests: it scrapes what it is told to every second, with our alert rules. Leaves tests out with a sentence when
// it is missing, but never in CI.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { describe } from 'vitest'

import { tryPort } from '../../src/cluster/try-port.ts'

const missing = spawnSync('prometheus', ['--version']).status !== 0 && !process.env['CI']

export const deployed = join(import.meta.dirname, '../../deploy')

/** `describe` for tests that need prometheus and promtool. */
export function describeWithPrometheus(name: string, tests: () => void): void {
  if (missing) describe.skip(`${name} (left out: prometheus is missing; install the package prometheus)`, tests)
  else describe(name, { timeout: 90_000 }, tests)
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: number
}

export interface Alert {
  readonly state: 'pending' | 'firing'
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

export class Prometheus implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #folder: string
  readonly #url: string

  private constructor(child: ChildProcess, folder: string, url: string) {
    this.#child = child
    this.#folder = folder
    this.#url = url
  }

  /** @param target `host:port` of a gateway's probe port */
  static async start(target: string): Promise<Prometheus> {
    const folder = await mkdtemp(join(tmpdir(), 'graylane-prometheus-'))
    await cp(join(deployed, 'prometheus/graylane.rules.yml'), join(folder, 'graylane.rules.yml'))
    const every = { scrape_interval: '1s', evaluation_interval: '1s' }
    const scrape = { job_name: 'graylane', static_configs: [{ targets: [target] }] }
    // JSON is YAML.
    const config = { global: every, scrape_configs: [scrape], rule_files: ['graylane.rules.yml'] }
    await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config))
    const port = await tryPort('127.0.0.1', 0)
    const child = spawn(
      'prometheus',
      [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=error',
      ],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    )
    const prometheus = new Prometheus(child, folder, `http://127.0.0.1:${port}`)
    await prometheus.#becomesReady()
    return prometheus
  }

  async #becomesReady(): Promise<void> {
    while (this.#child.exitCode === null) {
      const answer = await fetch(`${this.#url}/-/ready`).catch(() => undefined)
      if (answer?.ok === true) return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error(`prometheus ended with ${this.#child.exitCode}`)
  }

  /** An instant query. Throws with what Prometheus says of a bad one. */
  async query(expression: string): Promise<readonly Sample[]> {
    const answer = await this.#ask(`/api/v1/query?query=${encodeURIComponent(expression)}`)
    const { result } = answer as { result: { metric: Record<string, string>; value: [number, string] }[] }
    return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
  }

  async alerts(): Promise<readonly Alert[]> {
    return ((await this.#ask('/api/v1/alerts')) as { alerts: Alert[] }).alerts
  }

  async #ask(path: string): Promise<unknown> {
    const answer = (await (await fetch(`${this.#url}${path}`)).json()) as { data: unknown; error?: string }
    if (answer.error !== undefined) throw new Error(answer.error)
    return answer.data
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    if (this.#child.exitCode === null) await ended
    await rm(this.#folder, { recursive: true })
  }
}
