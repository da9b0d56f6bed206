// `pnpm bench --profile`: where the time of a small GET goes, everything on, by function. The profiler of Node samples the one process;
// what the kernel does for a call counts to the function that called.

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { onStage } from './bench.ts'
import { graylane, ownVersion } from './contenders/graylane.ts'
import { loadGenerator } from './load/load-generator.ts'
import { currentLoad, describeMachine, type Machine } from './machine.ts'
import { browserHeaders } from './scenarios.ts'
import { assemble, startBackend } from './stage.ts'

export interface ProfileResult {
  readonly startedAt: string
  readonly version: string
  readonly machine: Machine
  readonly requests: number
  /** Share of the process' busy time, 0 to 1, with the functions it calls left out. */
  readonly functions: readonly { readonly name: string; readonly place: string; readonly share: number }[]
}

const seconds = 5
const shown = 40
const root = join(import.meta.dirname, '..')

export function profile(say: (line: string) => void): Promise<ProfileResult> {
  return onStage(async (children, folder) => {
    const startedAt = new Date().toISOString()
    const loadBefore = currentLoad()
    const generator = await loadGenerator(children, folder)
    const nodeArgs = ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=200', '--no-warnings']
    const contender = graylane({ name: 'graylane', about: 'profiled', log: true, nodeArgs })
    const backends = await startBackend(children)
    const { checked } = await assemble([contender], backends, folder, children, say)
    const [one] = checked
    if (one?.child === undefined) throw new Error('graylane answers wrongly: nothing to profile')
    const headers = browserHeaders(one.verdict.pins.v2)
    const load = { port: one.port, method: 'GET', path: '/', headers, bodyBytes: 0, newConnections: false } as const
    await generator.run({ ...load, connections: 64, seconds: 2 })
    const { requests } = await generator.run({ ...load, connections: 64, seconds })
    await children.end(one.child)
    const [file] = (await readdir(folder)).filter((name) => name.endsWith('.cpuprofile'))
    if (file === undefined) throw new Error('the profiler wrote nothing')
    const functions = selfTimes(JSON.parse(await readFile(join(folder, file), 'utf8')) as CpuProfile).slice(0, shown)
    for (const { name, place, share } of functions) say(`${(share * 100).toFixed(1).padStart(5)} %  ${name}  ${place}`)
    return { startedAt, version: await ownVersion(), machine: describeMachine(loadBefore), requests, functions }
  })
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
function selfTimes({ nodes, samples, timeDeltas, startTime, endTime }: CpuProfile): ProfileResult['functions'] {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const times = new Map<string, number>()
  let busy = 0
  let now = startTime
  for (const [i, id] of samples.entries()) {
    const frame = frames.get(id)!
    const delta = timeDeltas[i] ?? 0
    now += delta
    if (now < endTime - seconds * 1e6 || frame.functionName === '(idle)') continue
    const key = `${frame.functionName || '(anonymous)'}\n${placeOf(frame.url, frame.lineNumber)}`
    times.set(key, (times.get(key) ?? 0) + delta)
    busy += delta
  }
  const sorted = [...times].toSorted(([, a], [, b]) => b - a)
  return sorted.map(([key, micros]) => {
    const [name, place] = key.split('\n') as [string, string]
    return { name, place, share: micros / busy }
  })
}

/** `src/proxy/http1/head.ts:174`, or the module of Node; lines count from 1. */
function placeOf(url: string, line: number): string {
  if (url === '') return ''
  const path = url.startsWith('file://') ? fileURLToPath(url).slice(root.length + 1) : url
  const packaged = path.lastIndexOf('node_modules/')
  return `${packaged < 0 ? path : path.slice(packaged + 'node_modules/'.length)}:${line + 1}`
}
