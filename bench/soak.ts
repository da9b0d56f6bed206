// `pnpm bench --soak MINUTES`: does memory stay flat? Every kind of request in turns, visitors who come and go, connections that break
// off, reloads; every ten seconds resident memory, and what is alive after the full collections since.

import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { onStage } from './bench.ts'
import { graylane, ownVersion } from './contenders/graylane.ts'
import { visitUnderLoad } from './coupling.ts'
import { type LiveMemory, notingCollections, readingCollections } from './live-memory.ts'
import { loadGenerator } from './load/load-generator.ts'
import type { LoadGenerator } from './load/load.ts'
import { currentLoad, describeMachine, type Machine } from './machine.ts'
import { costOfTree } from './process-tree.ts'
import { browserHeaders, scenarios } from './scenarios.ts'
import { reloadShares, sharingVariant } from './shares.ts'
import { type Running, startBackend, startContender } from './stage.ts'

export interface SoakResult {
  readonly startedAt: string
  readonly version: string
  readonly machine: Machine
  readonly minutes: number
  readonly requests: number
  readonly failed: number
  readonly crossings: number
  readonly reloads: number
  readonly memory: readonly MemorySample[]
}

export interface MemorySample {
  readonly second: number
  /** Of the process tree. */
  readonly residentKib: number
  /** Undefined: no full collection since the sample before, or a result of the days when only resident memory was noted. */
  readonly live?: LiveMemory | undefined
}

const sampleSeconds = 10
/** One turn: a second of load of one kind, a second of visitors, some broken connections. */
const kinds = scenarios.filter(({ name, secure }) => !secure && name !== 'rules' && name !== 'workers')

export function soak(minutes: number, say: (line: string) => void): Promise<SoakResult> {
  return onStage(async (children, folder) => {
    const startedAt = new Date()
    const loadBefore = currentLoad()
    const generator = await loadGenerator(children, folder)
    const file = join(folder, 'collections')
    const contender = graylane({ ...sharingVariant, ...notingCollections(file) })
    const running = await startContender(contender, await startBackend(children), folder, children)
    if (typeof running === 'string') throw new Error(running)
    const end = startedAt.getTime() + minutes * 60_000
    const stop = new AbortController()
    const memory: MemorySample[] = []
    const sample = sampler(running, startedAt.getTime(), readingCollections(file))
    const sampling = keepSampling(sample, memory, stop.signal, say)
    const counts = { requests: 0, failed: 0, crossings: 0, reloads: 0 }
    const reload = reloadShares(running)
    for (let turn = 0; Date.now() < end; turn++) {
      await takeTurn(running, turn, generator, reload, counts)
      await running.contender.tidy?.(running.setting)
    }
    stop.abort()
    await sampling
    return {
      startedAt: startedAt.toISOString(),
      version: await ownVersion(),
      machine: describeMachine(loadBefore),
      minutes,
      ...counts,
      memory,
    }
  })
}

async function takeTurn(
  { port }: Running,
  turn: number,
  generator: LoadGenerator,
  reload: () => Promise<boolean>,
  counts: { requests: number; failed: number; crossings: number; reloads: number },
): Promise<void> {
  const { method, path, bodyBytes, newConnections } = kinds[turn % kinds.length]!
  const load = { port, method, path, bodyBytes, newConnections, headers: browserHeaders('theme=light') }
  const loaded = await generator.run({ ...load, connections: 64, seconds: 1 })
  breakOff(port)
  const visited = await visitUnderLoad({ title: 'soak', port, seconds: 1, visitors: 32, reload })
  counts.requests += loaded.requests + visited.requests
  counts.failed += loaded.failed + visited.failed
  counts.crossings += visited.crossings
  counts.reloads += visited.reloads
}

/** Clients that leave in the middle of an answer. */
function breakOff(port: number): void {
  for (let i = 0; i < 50; i++) {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => socket.destroy())
    socket.write('GET /1m HTTP/1.1\r\nHost: shop.example.com\r\n\r\n')
    socket.once('data', () => socket.resetAndDestroy())
  }
}

type Sampler = () => Promise<MemorySample | undefined>

/** Undefined when the process is gone, or the system does not tell. */
function sampler({ child }: Running, started: number, liveMemory: () => Promise<LiveMemory | undefined>): Sampler {
  return async () => {
    const cost = child?.pid === undefined ? undefined : costOfTree(child.pid)
    if (cost === undefined) return undefined
    const second = Math.round((Date.now() - started) / 1000)
    return { second, residentKib: cost.residentKib, live: await liveMemory() }
  }
}

async function keepSampling(
  sample: Sampler,
  memory: MemorySample[],
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  while (!signal.aborted) {
    const taken = await sample()
    if (taken === undefined) return
    memory.push(taken)
    say(lineOf(taken))
    await sleep(sampleSeconds * 1000, undefined, { signal }).catch(() => undefined)
  }
}

function lineOf({ second, residentKib, live }: MemorySample): string {
  const resident = `${second} s: ${mib(residentKib)} resident`
  if (live === undefined) return resident
  const { collections, heapKib, outsideKib } = live
  return `${resident}, ${mib(heapKib + outsideKib)} alive, ${mib(heapKib)} of it heap (${collections} full collections)`
}

function mib(kib: number): string {
  return `${(kib / 1024).toFixed(1)} MiB`
}
