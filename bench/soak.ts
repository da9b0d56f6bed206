// `pnpm bench --soak MINUTES`: does memory stay flat? Every kind of request in turns, visitors who come and go, connections that break
// off, reloads; resident memory every ten seconds.

import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

import { onStage } from './bench.ts'
import { ownVersion } from './contenders/graylane.ts'
import { visitUnderLoad } from './coupling.ts'
import { loadGenerator } from './load/load-generator.ts'
import type { LoadGenerator } from './load/load.ts'
import { currentLoad, describeMachine, type Machine } from './machine.ts'
import { costOfTree } from './process-tree.ts'
import { browserHeaders, scenarios } from './scenarios.ts'
import { reloadShares, sharing } from './shares.ts'
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
  readonly memory: readonly { readonly second: number; readonly residentKib: number }[]
}

const sampleSeconds = 10
/** One turn: a second of load of one kind, a second of visitors, some broken connections. */
const kinds = scenarios.filter(({ name, secure }) => !secure && name !== 'rules' && name !== 'workers')

export function soak(minutes: number, say: (line: string) => void): Promise<SoakResult> {
  return onStage(async (children, folder) => {
    const startedAt = new Date()
    const loadBefore = currentLoad()
    const generator = await loadGenerator(children, folder)
    const running = await startContender(sharing, await startBackend(children), folder, children)
    if (typeof running === 'string') throw new Error(running)
    const end = startedAt.getTime() + minutes * 60_000
    const stop = new AbortController()
    const memory: { second: number; residentKib: number }[] = []
    const sampling = keepSampling(running, startedAt.getTime(), memory, stop.signal, say)
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

async function keepSampling(
  { child }: Running,
  started: number,
  memory: { second: number; residentKib: number }[],
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  while (!signal.aborted) {
    const cost = child?.pid === undefined ? undefined : costOfTree(child.pid)
    if (cost === undefined) return
    const second = Math.round((Date.now() - started) / 1000)
    memory.push({ second, residentKib: cost.residentKib })
    say(`${second} s: ${Math.round(cost.residentKib / 1024)} MiB`)
    await sleep(sampleSeconds * 1000, undefined, { signal }).catch(() => undefined)
  }
}
