// Drives the dashboard under load: a gateway of two workers, wrk with all the requests that the machine has left, and Chromium with the
// dashboard open. Prints how the page does with hardly any traffic and with all of it, and its figures beside the counters of /metrics and
// what wrk was answered. `node scripts/watch-under-load.ts [SECONDS]`; wants chromium and wrk.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { setPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

import type { CDPSession, Page } from 'playwright-core'

import type { TrafficView } from '../src/observe/traffic-ring.ts'
import { launchChromium } from '../test/browser/chromium.ts'
import { ServingProcess } from '../test/cli/graylane-process.ts'
import { sourceSamplesOf } from '../test/observe/exposition-text.ts'

const seconds = Number(process.argv[2] ?? 20)
/** Visitors that wrk plays, each by an address of its own. */
const visitors = 20_000

/** Runs in the page before its own scripts: gaps between frames, and tasks of more than 50 ms as the browser itself names long. */
const countFrames = `
  let last = performance.now()
  window.seen = { gaps: [], long: [] }
  const frame = (now) => { window.seen.gaps.push(now - last); last = now; requestAnimationFrame(frame) }
  requestAnimationFrame(frame)
  new PerformanceObserver((list) => window.seen.long.push(...list.getEntries().map(({ duration }) => duration)))
    .observe({ type: 'longtask' })
`

const folder = await mkdtemp(join(tmpdir(), 'graylane-watch-'))
await using browser = await launchChromium()
// People's browsers are not on the gateway's machine. Here they are, so everything that is started from now on gives way to this one.
setPriority(15)
const backend = spawn(process.execPath, [join(import.meta.dirname, '../bench/backend.ts')], {
  stdio: ['pipe', 'pipe', 'inherit'],
})
let gateway: ServingProcess | undefined
try {
  gateway = await startGateway(await portsOf(backend))
  const page = await browser.newPage({ viewport: { width: 1360, height: 900 }, locale: 'en-GB' })
  await page.addInitScript(`localStorage.setItem('graylane-window', '10')`)
  await page.addInitScript(countFrames)
  const wire = await page.context().newCDPSession(page)
  const bytes = await bytesReceived(wire)
  await page.goto(`http://${gateway.admin}/`)
  await page.locator('#graph svg').waitFor()

  // One visitor, so that both spells draw the same graph.
  await fetch(`http://${gateway.listener}/`, { headers: { accept: 'text/html' } })
  await sleep(3000)
  const quiet = await watch(page, wire, bytes, seconds)
  const load = wrk(gateway.listener)
  await sleep(3000)
  const busy = await watch(page, wire, bytes, seconds)
  const shownRate = await page.locator('#figures .value').first().innerText()
  const sent = await load
  // What was answered last is told a moment later.
  await sleep(2500)
  print(quiet, busy, sent, shownRate, await counted(gateway), await page.locator('.figure.coupling').innerText())
} finally {
  await gateway?.kill()
  backend.stdin.end()
  await rm(folder, { recursive: true })
}

async function portsOf(child: ChildProcess): Promise<Readonly<Record<string, number>>> {
  const [line] = (await once(child.stdout!, 'data')) as [Buffer]
  return JSON.parse(String(line)) as Record<string, number>
}

function startGateway(ports: Readonly<Record<string, number>>): Promise<ServingProcess> {
  const pools = Object.entries(ports).map(([version, port]) => `  ${version}: { web: "http://127.0.0.1:${port}" }`)
  const routes = `name: shop
listen: [{ port: 0, address: 127.0.0.1 }]
trust: [127.0.0.0/8]
services: { web: {} }
versions:
${pools.join('\n')}
stable: v1
gray: [{ version: v2, share: 25% }, { name: testers, version: v3, match: [{ cookies: { user: { exact: jason } } }] }]
pin: { keys: [{ env: GRAYLANE_KEY }] }
accessLog: off
`
  const path = join(folder, 'routes.yaml')
  return writeFile(path, routes).then(() =>
    ServingProcess.start(path, ['--workers', '2'], { GRAYLANE_KEY: 'k'.repeat(32) }),
  )
}

interface Sent {
  readonly requests: number
  readonly perSecond: number
  readonly failed: number
}

/** A second longer than it is watched, on both sides. */
async function wrk(listener: string): Promise<Sent> {
  const script = join(folder, 'visitors.lua')
  await writeFile(
    script,
    `local n = 0
request = function()
  n = n + 1
  local id = n % ${visitors}
  return wrk.format("GET", "/", { ["Accept"] = "text/html", ["X-Forwarded-For"] = "10.1." .. math.floor(id / 250) .. "." .. id % 250 + 1 })
end
`,
  )
  const child = spawn('wrk', ['-t1', '-c32', `-d${seconds + 5}s`, '-s', script, `http://${listener}/`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const report = await text(child.stdout)
  const number = (pattern: RegExp): number => Number(pattern.exec(report)?.[1] ?? 0)
  const failed = number(/Non-2xx or 3xx responses: (\d+)/) + number(/Socket errors: .*read (\d+)/)
  return { requests: number(/(\d+) requests in/), perSecond: number(/Requests\/sec: +([\d.]+)/), failed }
}

interface Watched {
  /** Milliseconds between two frames. */
  readonly gapP99: number
  readonly gapMost: number
  readonly longTasks: number
  /** Share of the time that the page's thread is busy. */
  readonly busy: number
  /** Milliseconds from a key to the filtered list, the slowest of ten. */
  readonly keyMs: number
  readonly elements: number
  readonly heapMiB: number
  readonly kibPerSecond: number
}

async function watch(page: Page, wire: CDPSession, bytes: () => number, forSeconds: number): Promise<Watched> {
  await page.evaluate('window.seen = { gaps: [], long: [] }')
  const before = await metrics(wire)
  const bytesBefore = bytes()
  let keyMs = 0
  for (let second = 0; second < forSeconds; second++) {
    await sleep(900)
    if (second % 2 === 0) keyMs = Math.max(keyMs, await typeIntoFilter(page))
  }
  const after = await metrics(wire)
  const seen = await page.evaluate<{ gaps: number[]; long: number[] }>('window.seen')
  const gaps = seen.gaps.toSorted((a, b) => a - b)
  const elapsed = after['Timestamp']! - before['Timestamp']!
  return {
    gapP99: gaps[Math.floor(gaps.length * 0.99)] ?? 0,
    gapMost: gaps.at(-1) ?? 0,
    longTasks: seen.long.length,
    busy: (after['TaskDuration']! - before['TaskDuration']!) / elapsed,
    keyMs,
    elements: await page.evaluate<number>('document.querySelectorAll("*").length'),
    heapMiB: after['JSHeapUsedSize']! / 2 ** 20,
    kibPerSecond: (bytes() - bytesBefore) / 1024 / elapsed,
  }
}

/** In the page: from the event of the key to the next frame, in which its effect is drawn. */
async function typeIntoFilter(page: Page): Promise<number> {
  return page.evaluate<number>(`new Promise((resolve) => {
    const input = document.querySelector('#decision-filters input')
    const at = performance.now()
    input.value = input.value === 'v1' ? '' : 'v1'
    input.dispatchEvent(new Event('input', { bubbles: true }))
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - at)))
  })`)
}

async function metrics(wire: CDPSession): Promise<Readonly<Record<string, number>>> {
  await wire.send('Performance.enable')
  const { metrics: all } = await wire.send('Performance.getMetrics')
  return Object.fromEntries(all.map(({ name, value }) => [name, value]))
}

/** Of the stream, as they came over the wire. */
async function bytesReceived(wire: CDPSession): Promise<() => number> {
  await wire.send('Network.enable')
  let sum = 0
  wire.on('Network.dataReceived', ({ dataLength }) => (sum += dataLength))
  return () => sum
}

interface Counted {
  readonly metrics: Readonly<Record<string, number>>
  readonly view: TrafficView
}

async function counted(serving: ServingProcess): Promise<Counted> {
  const exposition = await (await fetch(`http://${serving.admin}/metrics`)).text()
  const samples = sourceSamplesOf(exposition, 'istio_requests_total')
  const headers = { accept: 'application/json' }
  const view = (await (await fetch(`http://${serving.admin}/traffic?window=300`, { headers })).json()) as TrafficView
  const byVersion: Record<string, number> = {}
  for (const { labels, value } of samples) {
    const version = labels['destination_version'] ?? ''
    byVersion[version] = (byVersion[version] ?? 0) + value
  }
  return { metrics: byVersion, view }
}

function print(quiet: Watched, busy: Watched, sent: Sent, shownRate: string, told: Counted, coupling: string): void {
  const { metrics: byVersion, view } = told
  const requests = (version: string): number =>
    Math.round(300 * (view.versions.find((one) => one.version === version)?.rate ?? 0))
  const pins = view.versions.reduce((sum, one) => sum + one.pins.fiveMinutes, 0)
  const row = (what: string, of: (watched: Watched) => string): string => `| ${what} | ${of(quiet)} | ${of(busy)} |`
  const lines = [
    `wrk: ${sent.requests} requests in ${seconds + 5} s, ${Math.round(sent.perSecond)} a second, ${sent.failed} failed`,
    `the page, meanwhile: ${shownRate.replace(/\s+/g, '')}; afterwards: ${coupling.replace(/\s+/g, ' ')}`,
    ...Object.entries(byVersion).map(
      ([version, count]) => `${version}: ${count} by /metrics, ${requests(version)} by the traffic of 300 s`,
    ),
    `crossings: ${view.coupling.crossings}; answered ${view.coupling.answered}, of which named ${view.coupling.named}`,
    `pins seen: ${pins} of ${visitors} visitors and the one before`,
    '',
    `| the page, watched for ${seconds} s | nearly no traffic | all of it |`,
    '| --- | ---: | ---: |',
    row('between two frames, 99 of 100 (ms)', ({ gapP99 }) => gapP99.toFixed(0)),
    row('between two frames, longest (ms)', ({ gapMost }) => gapMost.toFixed(0)),
    row('tasks of more than 50 ms', ({ longTasks }) => String(longTasks)),
    row('busy (% of its thread, waiting for a core included)', ({ busy: share }) => (share * 100).toFixed(1)),
    row('a key into the filter until it is drawn, slowest (ms)', ({ keyMs }) => keyMs.toFixed(0)),
    row('elements', ({ elements }) => String(elements)),
    row('heap (MiB)', ({ heapMiB }) => heapMiB.toFixed(1)),
    row('received (KiB/s)', ({ kibPerSecond }) => kibPerSecond.toFixed(1)),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}
