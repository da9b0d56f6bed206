// Every process the benchmark starts, in one list: each is ended by its own id, on success, on errors and on Ctrl-C alike. Never ends
// a process by name.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'

import { idsOfTree } from './process-tree.ts'
import { withoutPaths } from './without-paths.ts'

export interface Command {
  /** What it is called in messages, and its log file. */
  readonly name: string
  readonly file: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Its standard output is read by the caller instead of going to the log. */
  readonly readOutput?: boolean
}

const patienceMs = 3000

export class Children {
  readonly #folder: string
  readonly #running = new Map<ChildProcess, string>()
  readonly #onSignal: (signal: NodeJS.Signals) => void
  #ending = false
  readonly #onExit = (): void => this.#killAll()

  /** `folder` takes the logs. A signal to this process ends the children first, and takes the folder away. */
  constructor(folder: string) {
    this.#folder = folder
    this.#onSignal = (signal) => void this.#endBecauseOf(signal)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, this.#onSignal)
    // After an error that nobody caught there is no time left for politeness.
    process.once('exit', this.#onExit)
  }

  start(command: Command): ChildProcess {
    if (this.#ending) throw new Error('is ending, starts nobody any more')
    const log = openSync(this.#logFile(command.name), 'a')
    const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...command.env }
    // Ours end when their standard input does, so that not even SIGKILL of this process leaves them behind.
    const stdio = ['pipe', command.readOutput === true ? 'pipe' : log, log] as const
    const child = spawn(command.file, command.args, { stdio: [...stdio], env })
    closeSync(log)
    child.stdin?.on('error', () => undefined)
    // A command that cannot be run shows as one that ended; why is in its log's place.
    child.on('error', () => this.#running.delete(child))
    child.on('exit', () => this.#running.delete(child))
    this.#running.set(child, command.name)
    return child
  }

  /** The end of what a child said, fit for publishing. */
  lastWords(name: string): string {
    return withoutPaths(readFileSync(this.#logFile(name), 'utf8').trim(), this.#folder).slice(-600)
  }

  /** Politely, then by SIGKILL to each process of its tree that is still there. */
  async end(child: ChildProcess): Promise<void> {
    if (hasEnded(child) || child.pid === undefined) return
    const tree = idsOfTree(child.pid)
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    const timer = setTimeout(() => tree.forEach(killHard), patienceMs)
    await ended
    clearTimeout(timer)
    this.#running.delete(child)
  }

  async endAll(): Promise<void> {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, this.#onSignal)
    await Promise.all(Array.from(this.#running.keys(), (child) => this.end(child)))
    process.off('exit', this.#onExit)
  }

  async #endBecauseOf(signal: NodeJS.Signals): Promise<void> {
    this.#ending = true
    await this.endAll()
    rmSync(this.#folder, { recursive: true, force: true })
    process.kill(process.pid, signal)
  }

  #killAll(): void {
    for (const { pid } of this.#running.keys()) if (pid !== undefined) idsOfTree(pid).forEach(killHard)
  }

  #logFile(name: string): string {
    return join(this.#folder, `${name.replaceAll(/\W+/g, '-')}.log`)
  }
}

export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

function killHard(id: number): void {
  try {
    process.kill(id, 'SIGKILL')
  } catch {
    // It ended by itself.
  }
}

/** A port nobody listens on: the kernel's choice, free again for a program that must be told its port. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
