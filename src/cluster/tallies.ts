// What each worker counted, as far as it is known: fetched when somebody asks, with a time limit, so that no worker holds up the
// answer; one that is late or gone counts with what it said last.

import type { Tally } from '../observe/metrics.ts'
import { NoAnswer, type WorkerProcess } from './worker-process.ts'

const limitMs = 1000

export class Tallies {
  readonly #last = new Map<WorkerProcess, Tally>()

  async collect(workers: readonly WorkerProcess[]): Promise<readonly Tally[]> {
    await Promise.all(workers.map((worker) => this.#fetch(worker)))
    return [...this.#last.values()]
  }

  note(worker: WorkerProcess, tally: Tally): void {
    this.#last.set(worker, tally)
  }

  /** Its last tally, if there was one. */
  forget(worker: WorkerProcess): Tally | undefined {
    const last = this.#last.get(worker)
    this.#last.delete(worker)
    return last
  }

  async #fetch(worker: WorkerProcess): Promise<void> {
    try {
      this.note(worker, await worker.ask('tally', undefined, limitMs))
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
    }
  }
}
