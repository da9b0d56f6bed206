// Backends killed (SIGKILL) and started again under load: no answer of a wrong version, and nothing fails but what was on its way to
// the one that was killed.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type StartedGateway, startGateway } from '../support/started-gateway.ts'

const clients = 24
const kills = 8

/** Says its version after a few milliseconds. */
const backendCode = `
const [version, port] = process.argv.slice(1)
require('node:http').createServer((request, response) => {
  request.resume().on('end', () => setTimeout(() => response.end(version), 2 + Math.random() * 10))
}).listen(Number(port), '127.0.0.1', function () { process.send(this.address().port) })
`

interface Backend {
  readonly version: string
  readonly port: number
  child: ChildProcess
}

async function startBackend(version: string, port = 0): Promise<Backend> {
  const child = spawn(process.execPath, ['-e', backendCode, version, String(port)], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const [bound] = (await once(child, 'message')) as [number]
  return { version, port: bound, child }
}

interface Failure {
  readonly endpoint: string
  readonly began: number
  readonly ended: number
}

const backends: Backend[] = []
const failures: Failure[] = []
/** Connections may take that long to tell of the end of their process. */
const noticedWithinMs = 100
const deaths: { endpoint: string; from: number; to: number }[] = []
let edge: StartedGateway
let origin: string

beforeAll(async () => {
  for (const version of ['v1', 'v1', 'v2', 'v2']) backends.push(await startBackend(version))
  const url = ({ port }: Backend): string => `"http://127.0.0.1:${port}"`
  edge = await startGateway(
    `name: shop
listen: [{ port: 0, address: 127.0.0.1 }]
services: { app: }
versions:
  v1: { app: [${backends.slice(0, 2).map(url).join()}] }
  v2: { app: [${backends.slice(2).map(url).join()}] }
stable: v1
gray: [{ version: v2, share: 50% }]
pin: { keys: [{ file: pin.key }] }
identity: [cookies.user]
accessLog: off
`,
    {
      observers: [
        ({ status, flags, endpoint, durationMs }) => {
          const ended = performance.now()
          if (status < 500 && flags !== 'UC') return
          failures.push({ endpoint, began: ended - durationMs, ended })
        },
      ],
    },
    { 'pin.key': 'the key of a test, which has 32 bytes and more' },
  )
  origin = `http://127.0.0.1:${edge.port}`
})

afterAll(async () => {
  await edge?.close()
  for (const { child } of backends) child.kill('SIGKILL')
})

/** Pages and calls of one visitor until `isOver`. */
async function visit(user: string, isOver: () => boolean, wrong: string[]): Promise<number> {
  const agent = new Agent({ connections: 2 })
  let answered = 0
  let cookie = `user=${user}`
  let version = ''
  try {
    for (let i = 0; !isOver(); i += 1) {
      const isPage = i % 5 === 0
      const method = i % 5 === 3 ? 'POST' : 'GET'
      const { statusCode, headers, body } = await request(origin, {
        method,
        dispatcher: agent,
        headers: { cookie, accept: isPage ? 'text/html' : '*/*', 'sec-fetch-mode': isPage ? 'navigate' : 'cors' },
        ...(method === 'POST' && { body: 'order' }),
      })
      const by = await body.text()
      // A first page that failed leaves no page behind to which anything could belong.
      if (statusCode !== 200 || (version === '' && !isPage)) continue
      answered += 1
      if (isPage) version = by
      if (by !== headers['x-version'] || by !== version)
        wrong.push(`${method} of a page of ${version}: ${headers['x-version']} said, ${by} answered`)
      const line = headers['set-cookie']
      if (line !== undefined) cookie = `user=${user}; ${String(line).split(';')[0]}`
    }
    return answered
  } finally {
    await agent.close()
  }
}

test('versions never cross, and only what was on its way fails', { timeout: 120_000 }, async () => {
  let isOver = false
  const wrong: string[] = []
  const visits = Array.from({ length: clients }, (_, index) => visit(`user-${index}`, () => isOver, wrong))
  await sleep(300)
  for (let round = 0; round < kills; round += 1) {
    const backend = backends[round % backends.length]!
    const from = performance.now()
    backend.child.kill('SIGKILL')
    await once(backend.child, 'exit')
    deaths.push({ endpoint: `127.0.0.1:${backend.port}`, from, to: performance.now() + noticedWithinMs })
    await sleep(300)
    backend.child = (await startBackend(backend.version, backend.port)).child
    // Two good probes, half a second apart; three and more after a relapse are not waited for.
    await sleep(1500)
  }
  isOver = true
  const answered = (await Promise.all(visits)).reduce((sum, each) => sum + each, 0)

  expect(wrong).toEqual([])
  expect(answered).toBeGreaterThan(1000)
  const unexplained = failures.filter(
    ({ endpoint, began, ended }) =>
      !deaths.some((death) => death.endpoint === endpoint && began <= death.to && ended >= death.from),
  )
  expect(unexplained).toEqual([])
})
