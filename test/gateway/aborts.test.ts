// Clients that leave at random moments while backends are killed and come back: nothing may be left behind, and nobody may get an
// answer that was meant for somebody else. GRAYLANE_ABORTS sets the number of clients (1,500 unless set).

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { samplesOf } from '../observe/exposition-text.ts'
import { type StartedGateway, startGateway } from '../support/started-gateway.ts'

const clients = Number(process.env['GRAYLANE_ABORTS'] ?? 1500)
const atOnce = 50

/** Answers each request, after a short while, with 200 kB of the token in its path. */
const backendCode = `
require('node:http').createServer((request, response) => {
  request.resume()
  const token = request.url.slice(1)
  setTimeout(() => response.end((token + ' ').repeat(200000 / (token.length + 1))), Number(token) % 7)
}).listen(Number(process.argv[1]), '127.0.0.1', function () { process.send(this.address().port) })
`

interface Backend {
  child: ChildProcess
  readonly port: number
}

async function startBackend(port = 0): Promise<Backend> {
  const child = spawn(process.execPath, ['-e', backendCode, String(port)], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const [bound] = (await once(child, 'message')) as [number]
  return { child, port: bound }
}

describe('clients that leave, backends that die', () => {
  const backends: Backend[] = []
  let edge: StartedGateway
  let finished = 0

  beforeAll(async () => {
    for (let i = 0; i < 3; i++) backends.push(await startBackend())
    const urls = backends.map(({ port }) => `"http://127.0.0.1:${port}"`).join(', ')
    edge = await startGateway(
      `listen: [{ port: 0, address: 127.0.0.1 }]\nservices: { app: {} }\nversions: { v1: { app: [${urls}] } }\nstable: v1\naccessLog: off\n`,
      { observers: [() => finished++] },
    )
  })

  afterAll(async () => {
    await edge?.close()
    for (const { child } of backends) child.kill('SIGKILL')
  })

  it('leave no connection, no request and no wrong answer', { timeout: 300_000 }, async () => {
    const random = seeded(7)
    let killing = true
    const killer = killNowAndThen(backends, random, () => killing)
    const seen = { whole: 0, cut: 0, wrong: 0 }
    let next = 0
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        while (next < clients) await visit(edge.port, ++next, random(), seen)
      }),
    )
    killing = false
    await killer

    expect(seen.wrong).toBe(0)
    expect(finished).toBeGreaterThan(clients / 2)
    expect(seen.whole).toBeGreaterThan(clients / 20)
    expect(seen.cut).toBeGreaterThan(clients / 20)
    await expect.poll(() => gauge(edge, 'graylane_connections_open'), { timeout: 10_000 }).toBe(0)
    await expect.poll(() => gauge(edge, 'graylane_requests_active'), { timeout: 10_000 }).toBe(0)
  })

  it('and the gateway serves the next one as if nothing had been', async () => {
    const seen = { whole: 0, cut: 0, wrong: 0 }
    await expect
      .poll(async () => {
        await visit(edge.port, 1, 1, seen)
        return seen.whole
      })
      .toBeGreaterThan(0)
    expect(seen.wrong).toBe(0)
  })
})

/** Asks for its own token; leaves after a random share of the answer (patience 1: never). */
async function visit(
  port: number,
  token: number,
  patience: number,
  seen: { whole: number; cut: number; wrong: number },
): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  const leaveAfter = patience > 0.7 ? Number.POSITIVE_INFINITY : patience * 300_000
  socket.on('error', () => {})
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    text += chunk
    if (text.length >= leaveAfter) socket.destroy()
  })
  socket.write(`GET /${token} HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n`)
  if (patience < 0.1) socket.destroy()
  await once(socket, 'close')
  const body = text.slice(text.indexOf('\r\n\r\n') + 4)
  if (!text.startsWith('HTTP/1.1 200')) {
    seen.cut++
    return
  }
  const own = `${token} `.repeat(200000 / (String(token).length + 1))
  if (!own.startsWith(body)) seen.wrong++
  else if (body === own) seen.whole++
  else seen.cut++
}

async function killNowAndThen(backends: Backend[], random: () => number, going: () => boolean): Promise<void> {
  while (going()) {
    await sleep(150 + random() * 300)
    const index = Math.floor(random() * backends.length)
    const { child, port } = backends[index]!
    child.kill('SIGKILL')
    await once(child, 'exit')
    await sleep(random() * 150)
    backends[index] = await startBackend(port)
  }
}

async function gauge({ gateway }: StartedGateway, name: string): Promise<number> {
  return samplesOf(await gateway.metrics.text(), name)[0]?.value ?? Number.NaN
}

/** mulberry32: the same walk each time. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
