// The profiler that every Node has: it samples JavaScript, and takes what the kernel does for a call for a part of the caller. Where
// signals come late, as on some virtual machines, it sees little more than the calls into the kernel.

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import type { FunctionTime, Profiler } from './profiler.ts'

export function nodeProfiler(folder: string, seconds: number): Profiler {
  return {
    name: 'Node',
    nodeArgs: ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=200', '--no-warnings'],
    sample: () => sleep(seconds * 1000),
    async functions() {
      const [file] = (await readdir(folder)).filter((name) => name.endsWith('.cpuprofile'))
      if (file === undefined) throw new Error('the profiler wrote nothing')
      return selfTimes(JSON.parse(await readFile(join(folder, file), 'utf8')) as CpuProfile, seconds)
    },
  }
}

/** What `--cpu-prof` writes. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
  /** Microseconds of one clock. */
  readonly startTime: number
  readonly endTime: number
}

/** Of the last seconds only: start and warm-up come before, and the process ended right after the load. */
function selfTimes(
  { nodes, samples, timeDeltas, startTime, endTime }: CpuProfile,
  seconds: number,
): readonly FunctionTime[] {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const times = new Map<string, { name: string; place: string; micros: number }>()
  let busy = 0
  let now = startTime
  for (const [i, id] of samples.entries()) {
    const { functionName, url, lineNumber } = frames.get(id)!
    const delta = timeDeltas[i] ?? 0
    now += delta
    if (now < endTime - seconds * 1e6 || functionName === '(idle)') continue
    const name = functionName || '(anonymous)'
    const place = url === '' ? '' : `${url}:${lineNumber + 1}`
    const key = `${name}\n${place}`
    times.set(key, { name, place, micros: (times.get(key)?.micros ?? 0) + delta })
    busy += delta
  }
  return Array.from(times.values(), ({ name, place, micros }) => ({ name, place, layer: '', share: micros / busy }))
}
