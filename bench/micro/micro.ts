// `pnpm bench --micro`: what one call of each part costs, in nanoseconds.

import { describeMachine, currentLoad, type Machine } from '../machine.ts'
import { ownVersion } from '../contenders/graylane.ts'
import { parts } from './parts.ts'
import { time, type Timing } from './timing.ts'

export interface MicroResult {
  readonly startedAt: string
  readonly version: string
  readonly machine: Machine
  readonly timings: readonly Timing[]
}

export async function micro(say: (line: string) => void): Promise<MicroResult> {
  const startedAt = new Date().toISOString()
  const loadBefore = currentLoad()
  const timings: Timing[] = []
  for (const { name, call } of await parts()) {
    const timing = time(name, call)
    timings.push(timing)
    say(`${Math.round(timing.median).toString().padStart(7)} ns  ${name}`)
  }
  return { startedAt, version: await ownVersion(), machine: describeMachine(loadBefore), timings }
}
