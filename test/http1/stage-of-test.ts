// The stage that the test at hand plays on: whoever imports this has it struck behind each test.

import { afterEach } from 'vitest'
import { type Script, type Stage, stage } from './wire.ts'

export let set: Stage

export async function play(script: Script, options?: Parameters<typeof stage>[1]): Promise<Stage> {
  set = await stage(script, options)
  return set
}

afterEach(() => set?.strike())
