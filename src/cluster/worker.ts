// One worker: a gateway that has its configuration, secrets and health from the primary, and does with them what it is told.
// Reads no configuration from disk, and lives no longer than the primary.

import { fstatSync } from 'node:fs'

import { loadAnyConfiguration } from '../any-configuration.ts'
import {
  ConfigurationError,
  createGateway,
  FollowingEndpoints,
  type OutEndpoint,
  type PhasedGateway,
  type PreparedReload,
  type ConfigurationSource,
} from '../gateway.ts'
import type { Log } from '../gateway-event.ts'
import { type LogSink, maxPendingBytes, pipePieceBytes } from '../observe/log-sink.ts'
import type { PlainTraffic } from '../observe/traffic-counter.ts'
import type { Answers, Content, FromWorker, Questions, StartError, Topic, ToWorker } from './messages.ts'

/**
 * Serves until the primary says drain. When the primary is gone, node:cluster ends the process ('disconnect').
 * To be called in a process that `cluster.fork` made.
 */
export async function runWorker(log: Log): Promise<void> {
  // A terminal, and some supervisors, signal the whole process group: the end of workers is the primary's to say.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1'] as const) process.on(signal, () => undefined)
  process.stderr.on('error', () => undefined)
  const { promise, resolve } = Promise.withResolvers<void>()
  const worker = new Worker(resolve, log)
  process.on('message', (message: ToWorker) => worker.hear(message))
  void say({ kind: 'hello' })
  await promise
  process.disconnect?.()
}

class Worker {
  readonly #onEnd: () => void
  readonly #log: Log
  readonly #endpoints = new FollowingEndpoints((sign) => void say({ kind: 'sign', sign }))
  #gateway: PhasedGateway | undefined
  #prepared: PreparedReload | undefined
  #out: readonly OutEndpoint[] = []
  #queue: Promise<void> = Promise.resolve()

  constructor(onEnd: () => void, log: Log) {
    this.#onEnd = onEnd
    this.#log = log
  }

  hear(message: ToWorker): void {
    switch (message.kind) {
      case 'health':
        this.#follow(message.out)
        break
      case 'reopen-log':
        this.#gateway?.reopenLog()
        break
      case 'abandon':
        this.#inTurn(async () => this.#abandon())
        break
      case 'tally':
        if (this.#gateway !== undefined) void answer(message.id, this.#gateway.metrics.tally())
        break
      case 'start':
        this.#inTurn(async () => answer(message.id, await this.#start(message.body)))
        break
      case 'prepare':
        this.#inTurn(() => this.#prepare(message.id, message.body))
        break
      case 'commit':
        this.#inTurn(async () => answer(message.id, this.#commit()))
        break
      case 'drain':
        this.#inTurn(async () => {
          await this.#gateway?.drain(message.body)
          if (this.#gateway !== undefined) await answer(message.id, this.#gateway.metrics.tally())
          this.#onEnd()
        })
        break
    }
  }

  #follow(out: readonly OutEndpoint[]): void {
    this.#out = out
    this.#endpoints.follow(out)
  }

  #inTurn(step: () => Promise<void>): void {
    this.#queue = this.#queue.then(step)
  }

  async #start({ configPath, content, secrets, out }: Questions['start']): Promise<Answers['start']> {
    const context = {
      ...sourceOf(content),
      secrets,
      endpoints: this.#endpoints,
      standardOutput: standardOutput(),
      onTraffic,
    }
    this.#out = out
    try {
      const gateway = await createGateway({ configPath, watch: false, worker: context, log: this.#log })
      this.#gateway = gateway
      // There are endpoints only now; the list may be a newer one.
      this.#follow(this.#out)
      return { listeners: gateway.listeners() }
    } catch (error) {
      return error instanceof ConfigurationError ? { problems: error.problems } : { error: startError(error) }
    }
  }

  /** Without a gateway there is no answer: the primary is about to end a process that could not start. */
  async #prepare(id: number, content: Content): Promise<void> {
    const prepared = await this.#gateway?.prepare(sourceOf(content))
    if (prepared === undefined) return
    if ('commit' in prepared) this.#prepared = prepared
    await answer(id, 'commit' in prepared ? { snapshot: prepared.snapshot } : prepared)
  }

  #commit(): Answers['commit'] {
    this.#prepared?.commit()
    this.#prepared = undefined
    return this.#gateway?.listeners() ?? []
  }

  #abandon(): void {
    this.#prepared?.abandon()
    this.#prepared = undefined
  }
}

function sourceOf({ files, ports, manifests, learned }: Content): ConfigurationSource {
  const read = (path: string): Promise<Uint8Array | string> =>
    Promise.resolve(files.get(path) ?? 'the primary did not read this file')
  return { load: (path) => loadAnyConfiguration(path, { read }, manifests), ports, learned }
}

/**
 * Several writers on one pipe cut each other's lines once it is full (POSIX lets only PIPE_BUF bytes pass whole): the primary writes
 * for all. Undefined where standard output is a file: there each write goes out whole.
 */
function standardOutput(): LogSink | undefined {
  if (fstatSync(1).isFile()) return undefined
  let sent: Promise<void> = Promise.resolve()
  let pendingBytes = 0
  let lostLines = 0
  return {
    pieceBytes: pipePieceBytes,
    write: (bytes, lines, done) => {
      const { length } = bytes
      // The primary hangs.
      if (pendingBytes + length > maxPendingBytes) lostLines += lines
      else {
        pendingBytes += length
        sent = say({ kind: 'log', text: bytes.toString('latin1'), lines }).then(() => void (pendingBytes -= length))
      }
      done?.()
    },
    get lostLines() {
      return lostLines
    },
    reopen: () => Promise.resolve(undefined),
    close: () => sent,
  }
}

function onTraffic(traffic: PlainTraffic | undefined): void {
  void say({ kind: 'traffic', traffic })
}

function startError(error: unknown): StartError {
  const { message, code, port, address, path, place } = error as NodeJS.ErrnoException & Partial<StartError>
  return { message, code, port, address, path, ...('place' in (error as object) && { place }) }
}

function answer<T extends Topic>(id: number, body: Answers[T]): Promise<void> {
  return say({ kind: 'answer', id, body })
}

/** Resolves when it is on its way. To a primary that is gone nothing is said: this process ends as well. */
function say(message: FromWorker): Promise<void> {
  if (!process.connected) return Promise.resolve()
  return new Promise((resolve) => void process.send!(message, undefined, undefined, () => resolve()))
}
