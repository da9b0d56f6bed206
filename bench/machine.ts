// What a reader must know of the machine to judge figures from it. Never a name, an address or a path of it.

import { cpus, loadavg, release, totalmem, type } from 'node:os'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGib: number
  readonly system: string
  readonly node: string
  /** Load average of the minute before the run, and at its end. */
  readonly loadBefore: number
  readonly loadAfter: number
}

export function describeMachine(loadBefore: number): Machine {
  const all = cpus()
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.version,
    loadBefore,
    loadAfter: currentLoad(),
  }
}

export function currentLoad(): number {
  return Math.round(loadavg()[0]! * 100) / 100
}
