// The place of one worker: filled at the start, and again whenever the worker in it ends unasked, each time later than the last.
// Does not know what a worker does.

import type { HealthSign } from '../gateway.ts'
import type { Log } from '../gateway-event.ts'
import type { PlainTraffic } from '../observe/traffic-counter.ts'
import { nextDelayMs } from './back-off.ts'
import { WorkerProcess } from './worker-process.ts'

/** From the fork until it says hello. */
const helloLimitMs = 60_000

export interface SlotOwner {
  /** Resolves when this worker serves; rejects with why it cannot. */
  readonly start: (worker: WorkerProcess) => Promise<void>
  readonly onSign: (sign: HealthSign) => void
  readonly onLog: (text: string, lines: number) => void
  readonly onTraffic: (worker: WorkerProcess, traffic: PlainTraffic | undefined) => void
  readonly onEnded: (worker: WorkerProcess) => void
  /** A new process is made in place of one that ended unasked. */
  readonly onRestart: () => void
  readonly log: Log
}

export interface WorkerInfo {
  /** 0 while there is no process. */
  readonly pid: number
  readonly ready: boolean
  readonly restarts: number
}

export class WorkerSlot {
  readonly #owner: SlotOwner
  #worker: WorkerProcess | undefined
  #kept = false
  #delayMs = 0
  #restarts = 0
  #timer: NodeJS.Timeout | undefined

  constructor(owner: SlotOwner) {
    this.#owner = owner
  }

  /** Undefined while there is none. */
  get worker(): WorkerProcess | undefined {
    return this.#worker
  }

  get info(): WorkerInfo {
    return { pid: this.#worker?.pid ?? 0, ready: this.#worker?.ready === true, restarts: this.#restarts }
  }

  /** Starts a worker. Rejects when it does not come to serve; the process is ended then. */
  async fill(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const { onSign, onLog, onTraffic, start } = this.#owner
    const timer = setTimeout(() => reject(new Error(`it said nothing within ${helloLimitMs / 1000} s`)), helloLimitMs)
    const worker = new WorkerProcess({
      onHello: () => {
        clearTimeout(timer)
        void start(worker).then(resolve, reject)
      },
      onSign,
      onLog,
      onTraffic: (traffic) => onTraffic(worker, traffic),
      onEnd: (how) => {
        reject(new Error(`it ended before it served (${how})`))
        this.#ended(worker, how)
      },
    })
    this.#worker = worker
    try {
      await promise
      worker.ready = !worker.ended
    } catch (error) {
      worker.kill()
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  /** From now on the slot is filled again when its worker ends. */
  keep(): void {
    this.#kept = true
    if (this.#worker === undefined) this.#fillLater(0)
  }

  /** It is filled no more. */
  release(): void {
    this.#kept = false
    clearTimeout(this.#timer)
  }

  #ended(worker: WorkerProcess, how: string): void {
    this.#worker = undefined
    this.#owner.onEnded(worker)
    if (!this.#kept) return
    const livedMs = performance.now() - worker.startedAt
    this.#fillLater(livedMs)
    const restartInSeconds = this.#delayMs / 1000
    const ended = { event: 'worker-ended', pid: worker.pid, how, restartInSeconds } as const
    this.#owner.log(`worker ${worker.pid} ended (${how}), another starts in ${restartInSeconds} s`, ended)
  }

  #fillLater(livedMs: number): void {
    this.#delayMs = nextDelayMs(this.#delayMs, livedMs)
    this.#timer = setTimeout(() => void this.#refill(), this.#delayMs)
  }

  async #refill(): Promise<void> {
    this.#restarts++
    this.#owner.onRestart()
    try {
      await this.fill()
      const { pid } = this.info
      this.#owner.log(`worker ${pid} serves`, { event: 'worker-serves', pid })
    } catch (error) {
      const reason = (error as Error).message
      if (this.#kept) this.#owner.log(`a worker cannot start: ${reason}`, { event: 'worker-failed', reason })
    }
  }
}
