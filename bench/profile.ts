// `pnpm bench --profile`: where the time of a small GET goes, everything on, by function. By perf where it is installed; else by the
// profiler of Node, for which a system call is a part of the function that made it.

import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { onStage } from './bench.ts'
import { graylane, ownVersion } from './contenders/graylane.ts'
import { loadGenerator } from './load/load-generator.ts'
import { currentLoad, describeMachine, type Machine } from './machine.ts'
import { nodeProfiler } from './node-profiler.ts'
import { perf } from './perf.ts'
import { costOfTree } from './process-tree.ts'
import type { FunctionTime } from './profiler.ts'
import { browserHeaders } from './scenarios.ts'
import { assemble, startBackend } from './stage.ts'

export interface ProfileResult {
  readonly startedAt: string
  readonly version: string
  readonly machine: Machine
  readonly requests: number
  /** Undefined in results of the time when it was always Node's. */
  readonly profiler?: string
  /** CPU time of a request, what the profiler adds included. */
  readonly microseconds?: number | undefined
  /** Share of the process' busy time, 0 to 1, by whose code it is. Empty where the profiler does not tell. */
  readonly layers?: readonly { readonly name: string; readonly share: number }[]
  /** The same by function, with the functions it calls left out. */
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
    const profiler = (await perf(folder, children)) ?? nodeProfiler(folder, seconds)
    const contender = graylane({ name: 'graylane', about: 'profiled', log: true, nodeArgs: profiler.nodeArgs })
    const backends = await startBackend(children)
    const { checked } = await assemble([contender], backends, folder, children, say)
    const [one] = checked
    const id = one?.child?.pid
    if (one?.child === undefined || id === undefined) throw new Error('graylane answers wrongly: nothing to profile')

    const headers = browserHeaders(one.verdict.pins.v2)
    const load = { port: one.port, method: 'GET', path: '/', headers, bodyBytes: 0, newConnections: false } as const
    await generator.run({ ...load, connections: 64, seconds: 5 })
    const before = costOfTree(id)?.cpuSeconds
    const [{ requests }] = await Promise.all([
      generator.run({ ...load, connections: 64, seconds }),
      profiler.sample(id, seconds),
    ])
    const after = costOfTree(id)?.cpuSeconds
    await children.end(one.child)

    const times = await profiler.functions(id)
    const functions = times
      .toSorted((a, b) => b.share - a.share)
      .slice(0, shown)
      .map(({ name, place, layer, share }) => ({ name, place: place === '' ? layer : placeOf(place), share }))
    for (const { name, place, share } of functions) say(`${(share * 100).toFixed(1).padStart(5)} %  ${name}  ${place}`)
    return {
      startedAt,
      version: await ownVersion(),
      machine: describeMachine(loadBefore),
      requests,
      profiler: profiler.name,
      microseconds: before === undefined || after === undefined ? undefined : ((after - before) / requests) * 1e6,
      layers: layersOf(times),
      functions,
    }
  })
}

function layersOf(times: readonly FunctionTime[]): NonNullable<ProfileResult['layers']> {
  const layers = new Map<string, number>()
  for (const { layer, place, share } of times) {
    const name = layer === 'JavaScript' ? whoseScript(place) : layer
    if (name !== '') layers.set(name, (layers.get(name) ?? 0) + share)
  }
  return [...layers].map(([name, share]) => ({ name, share })).toSorted((a, b) => b.share - a.share)
}

function whoseScript(place: string): string {
  if (place.startsWith('node:')) return "Node's JavaScript"
  return place.includes('/node_modules/') ? "packages' JavaScript" : "graylane's JavaScript"
}

/** `src/proxy/http1/head.ts:174`, a package's file, or the module of Node. */
function placeOf(place: string): string {
  const line = place.slice(place.lastIndexOf(':'))
  const url = place.slice(0, -line.length)
  const path = url.startsWith('file://') ? fileURLToPath(url).slice(root.length + 1) : url
  const packaged = path.lastIndexOf('node_modules/')
  return `${packaged < 0 ? path : path.slice(packaged + 'node_modules/'.length)}${line}`
}
