// A worker as the primary sees it: a process that is asked and answers, each question with a time limit, until it ends. Knows nothing of
// what is asked. Ports are shared by node:cluster's one listening socket (SCHED_NONE), not by reusePort: at the same cost a request, no
// connection waits in the queue of a worker that died or hangs, and a second gateway started by mistake finds the port taken.

import cluster, { type Worker } from 'node:cluster'
import { fstatSync } from 'node:fs'

import type { HealthSign } from '../gateway.ts'
import type { PlainTraffic } from '../observe/traffic-counter.ts'
import type { Answers, FromWorker, Questions, Topic, ToWorker } from './messages.ts'

export interface WorkerListener {
  readonly onHello: () => void
  readonly onSign: (sign: HealthSign) => void
  readonly onLog: (text: string, lines: number) => void
  readonly onTraffic: (traffic: PlainTraffic | undefined) => void
  /** `how` is for people: its exit code or signal. */
  readonly onEnd: (how: string) => void
}

/** Why there is no answer. */
export class NoAnswer extends Error {
  readonly why: 'ended' | 'late'

  constructor(why: 'ended' | 'late') {
    super(why === 'ended' ? 'a worker ended' : 'a worker did not answer in time')
    this.why = why
  }
}

interface Waiting {
  readonly resolve: (answer: Answers[Topic]) => void
  readonly reject: (reason: NoAnswer) => void
  readonly timer: NodeJS.Timeout
}

export class WorkerProcess {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  readonly #whenEnded = Promise.withResolvers<void>()
  readonly startedAt = performance.now()
  /** `start` was asked of it. */
  started = false
  /** It serves. */
  ready = false
  ended = false
  #lastId = 0

  constructor(listener: WorkerListener) {
    this.#worker = forkWorker()
    this.#worker.on('message', (message: FromWorker) => this.#hear(message, listener))
    this.#worker.on('exit', (code: number | null, signal: string | null) => {
      this.#end(listener, signal ?? `exit code ${code}`)
    })
    // Of a process that was never made (out of memory, out of processes) there is no 'exit'.
    this.#worker.on('error', (error) => {
      if (this.#worker.process.pid === undefined) this.#end(listener, error.message)
    })
  }

  get pid(): number {
    return this.#worker.process.pid ?? 0
  }

  get whenEnded(): Promise<void> {
    return this.#whenEnded.promise
  }

  /** Rejects with NoAnswer only. An answer that comes too late is dropped. */
  ask<T extends Topic>(kind: T, body: Questions[T], limitMs: number): Promise<Answers[T]> {
    const { promise, resolve, reject } = Promise.withResolvers<Answers[Topic]>()
    const id = ++this.#lastId
    if (this.ended) reject(new NoAnswer('ended'))
    else {
      const timer = setTimeout(() => {
        this.#waiting.delete(id)
        reject(new NoAnswer('late'))
      }, limitMs)
      this.#waiting.set(id, { resolve, reject, timer })
      this.tell({ kind, id, body } as ToWorker)
    }
    return promise as Promise<Answers[T]>
  }

  tell(message: ToWorker): void {
    // A worker that is ending takes no messages; its end is told by 'exit'.
    if (this.#worker.isConnected()) this.#worker.process.send(message, undefined, undefined, () => undefined)
  }

  kill(): void {
    this.#worker.process.kill('SIGKILL')
  }

  #hear(message: FromWorker, listener: WorkerListener): void {
    if (message.kind === 'hello') listener.onHello()
    else if (message.kind === 'sign') listener.onSign(message.sign)
    else if (message.kind === 'log') listener.onLog(message.text, message.lines)
    else if (message.kind === 'traffic') listener.onTraffic(message.traffic)
    else {
      const waiting = this.#waiting.get(message.id)
      this.#waiting.delete(message.id)
      clearTimeout(waiting?.timer)
      waiting?.resolve(message.body)
    }
  }

  #end(listener: WorkerListener, how: string): void {
    if (this.ended) return
    this.ended = true
    this.ready = false
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer)
      reject(new NoAnswer('ended'))
    }
    this.#waiting.clear()
    listener.onEnd(how)
    this.#whenEnded.resolve()
  }
}

/**
 * Structured clones, so that files and secrets travel as bytes. Of our own outputs a worker gets standard output only where that is a file:
 * libuv makes what a child inherits blocking, for us too, and a reader who does not read would then stop this process.
 */
function forkWorker(): Worker {
  cluster.schedulingPolicy = cluster.SCHED_NONE
  const output = fstatSync(1).isFile() ? 'inherit' : 'ignore'
  cluster.setupPrimary({ serialization: 'advanced', stdio: ['ignore', output, 'pipe', 'ipc'] })
  const worker = cluster.fork()
  worker.process.stderr?.on('data', (text: Buffer) => void process.stderr.write(text))
  return worker
}
