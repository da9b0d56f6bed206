// How long lists of a million users and of 200,000 address blocks take to load and to compile, what they hold of memory, what one
// look-up costs, and how long a load keeps the event loop from its requests: `node bench/lists.ts`. Writes
// bench/results/DATE-lists.json.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'

import { collectGarbage } from '../src/collect-garbage.ts'
import { loadConfiguration } from '../src/config/load.ts'
import { compileConfiguration } from '../src/config/snapshot.ts'
import { parseAddress } from '../src/rules/address.ts'
import type { Release } from '../src/rules/release.ts'
import type { RequestFacts } from '../src/rules/types.ts'
import { currentLoad, describeMachine } from './machine.ts'
import { time } from './micro/timing.ts'

const loadBefore = currentLoad()
const users = 1_000_000
const blocks = 200_000

interface Figures {
  readonly list: string
  readonly values: number
  readonly fileMib: number
  /** CPU time of the process: others on the machine do not count. */
  readonly loadCpuMs: number
  readonly compileCpuMs: number
  readonly heapMib: number
  /** The longest stretch in which nothing else could run while the file was read. */
  readonly longestPauseMs: number
  readonly lookUpNs: { readonly hit: number; readonly miss: number }
}

const directory = await mkdtemp(join(tmpdir(), 'graylane-lists-'))
try {
  const lists = [
    await measure('users', userLines(), 'users', byUser),
    await measure('address blocks', blockLines(), 'ip', byAddress),
  ]
  const results = { date: new Date().toISOString().slice(0, 10), machine: describeMachine(loadBefore), lists }
  process.stdout.write(`${JSON.stringify(results, undefined, 2)}\n`)
  const file = join(import.meta.dirname, 'results', `${results.date}-lists.json`)
  await writeFile(file, `${JSON.stringify(results, undefined, 2)}\n`)
} finally {
  await rm(directory, { recursive: true })
}

async function measure(
  list: string,
  lines: readonly string[],
  key: string,
  look: (release: Release) => Figures['lookUpNs'],
): Promise<Figures> {
  const text = lines.join('\n')
  const path = join(directory, 'routes.yaml')
  await writeFile(join(directory, 'list.txt'), text)
  await writeFile(
    path,
    `listen: [{ port: 8080 }]
services: { app: }
versions: { v1: { app: http://10.0.0.1 }, v2: { app: http://10.0.0.2 } }
stable: v1
gray: [{ version: v2, ${key}: { file: list.txt } }]
identity: [cookies.user]
`,
  )
  const heapBefore = heapMib()
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const started = process.cpuUsage()
  const loaded = await loadConfiguration(path)
  const loadCpuMs = cpuMs(started)
  delay.disable()
  if (!('configuration' in loaded)) throw new Error(loaded.problems[0]?.message)
  const before = process.cpuUsage()
  const compiled = compileConfiguration(loaded.configuration)
  const compileCpuMs = cpuMs(before)
  if (!('snapshot' in compiled)) throw new Error(compiled.problems[0]?.message)
  const [release] = compiled.snapshot.table.releases
  return {
    list,
    values: lines.length,
    fileMib: mib(text.length),
    loadCpuMs,
    compileCpuMs,
    heapMib: Math.round((heapMib() - heapBefore) * 10) / 10,
    longestPauseMs: Math.round(delay.max / 1e6),
    lookUpNs: look(release!),
  }
}

function byUser({ firstExplicit }: Release): Figures['lookUpNs'] {
  const facts = factsAt('192.0.2.1')
  const known = Array.from({ length: 1024 }, (_, index) => user(index * 977))
  let turn = 0
  return {
    hit: Math.round(time('hit', () => firstExplicit(facts, known[turn++ & 1023])).median),
    miss: Math.round(time('miss', () => firstExplicit(facts, `nobody-${turn++ & 1023}`)).median),
  }
}

function byAddress({ firstExplicit }: Release): Figures['lookUpNs'] {
  const inside = Array.from({ length: 1024 }, (_, index) => factsAt(`10.${index >> 8}.${index & 255}.7`))
  const outside = Array.from({ length: 1024 }, (_, index) => factsAt(`2001:db9::${index.toString(16)}`))
  let turn = 0
  return {
    hit: Math.round(time('hit', () => firstExplicit(inside[turn++ & 1023]!, undefined)).median),
    miss: Math.round(time('miss', () => firstExplicit(outside[turn++ & 1023]!, undefined)).median),
  }
}

function user(index: number): string {
  return `${(index * 2_654_435_761) % 4_294_967_296}-${index.toString(36)}`
}

function userLines(): readonly string[] {
  return Array.from({ length: users }, (_, index) => user(index))
}

/** Half IPv4, half IPv6. */
function blockLines(): readonly string[] {
  return Array.from({ length: blocks }, (_, index) => {
    const half = index >> 1
    return index % 2 === 0
      ? `${10 + (half >> 16)}.${(half >> 8) & 255}.${half & 255}.0/24`
      : `2001:db8:${(half & 0xffff).toString(16)}:${(half >> 16).toString(16)}::/64`
  })
}

function factsAt(ip: string): RequestFacts {
  const clientAddress = parseAddress(ip)!
  return {
    method: 'GET',
    scheme: 'http',
    authority: 'shop.test',
    path: '/',
    query: '',
    port: 80,
    clientAddress,
    sourceLabels: undefined,
    headerLines: () => [],
    cookie: () => undefined,
  }
}

function cpuMs(since: NodeJS.CpuUsage): number {
  const { user: own, system } = process.cpuUsage(since)
  return Math.round((own + system) / 1000)
}

function heapMib(): number {
  collectGarbage()
  return mib(process.memoryUsage().heapUsed)
}

function mib(bytes: number): number {
  return Math.round((bytes / 2 ** 20) * 10) / 10
}
