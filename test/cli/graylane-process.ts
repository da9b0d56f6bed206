// `node src/main.ts ...` as a real process: run to its end, or kept running and asked over sockets. Ended by its own handle only.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

const main = join(import.meta.dirname, '../../src/main.ts')

export interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** What the process may see of the environment beside PATH and the compile cache of the tests. */
type Environment = Readonly<Record<string, string>>

export async function graylane(args: readonly string[], environment: Environment = {}, cwd?: string): Promise<Ended> {
  const child = start(args, environment, cwd)
  const [out, err, [code]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'close')])
  return { code: code as number, out, err }
}

/** A gateway that serves until it is told to end. */
export class ServingProcess {
  readonly child: ChildProcess
  out = ''
  err = ''
  readonly #ended: Promise<number | string>

  private constructor(child: ChildProcess) {
    this.child = child
    child.stdout?.setEncoding('utf8').on('data', (part: string) => (this.out += part))
    child.stderr?.setEncoding('utf8').on('data', (part: string) => (this.err += part))
    this.#ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string)
  }

  /**
   * Starts it and waits until it says that it listens. Throws with what it said when it ends instead.
   * @param shell runs the command line "$@" in place of this process, under limits or with other outputs
   */
  static async start(
    configPath: string,
    args: readonly string[] = [],
    environment: Environment = {},
    shell?: string,
  ): Promise<ServingProcess> {
    const child = start(
      ['serve', '--config', configPath, '--admin', '127.0.0.1:0', '--drain-delay', '0', ...args],
      environment,
      undefined,
      shell,
    )
    const serving = new ServingProcess(child)
    await serving.says(/^graylane: admin on .*$|"role":"admin"/m)
    return serving
  }

  /** Waits for a line on standard error. */
  async says(line: RegExp): Promise<void> {
    const child = this.child
    while (!line.test(this.err)) {
      if (child.exitCode !== null) throw new Error(`graylane ended:\n${this.err}`)
      await Promise.race([once(child.stderr!, 'data'), this.#ended])
    }
  }

  /** `host:port` of the admin server. */
  get admin(): string {
    return /admin on http:\/\/(\S+)/.exec(this.err)?.[1] as string
  }

  get probe(): string {
    return /probes on http:\/\/(\S+)/.exec(this.err)?.[1] as string
  }

  /** `host:port` of the first listener. */
  get listener(): string {
    return /listening on http:\/\/([^\s,]+)/.exec(this.err)?.[1] as string
  }

  /** Exit code, or the signal that ended it. */
  ended(): Promise<number | string> {
    return this.#ended
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.#ended
  }
}

function start(args: readonly string[], environment: Environment, cwd?: string, shell?: string): ChildProcess {
  const { PATH, NODE_COMPILE_CACHE } = process.env
  const env = { PATH, NODE_COMPILE_CACHE, ...environment }
  const command = [process.execPath, main, ...args]
  const [file, ...rest] = shell === undefined ? command : ['sh', '-c', shell, 'sh', ...command]
  return spawn(file!, rest, { stdio: ['ignore', 'pipe', 'pipe'], env, cwd })
}
