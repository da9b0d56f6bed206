// The endpoints of a pool restart one after the other, each in good order, while visitors go on reading and writing.

import { once } from 'node:events'
import { Agent, createServer, request, type Server } from 'node:http'
import { type AddressInfo, Server as Listener } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ServingProcess } from '../cli/graylane-process.ts'
import { routesFolder, type RoutesFolder } from '../cli/routes.ts'

let folder: RoutesFolder
let serving: ServingProcess | undefined
let backends: Server[]

beforeEach(async () => {
  folder = await routesFolder()
  backends = [await startBackend(0), await startBackend(0)]
})
afterEach(async () => {
  await serving?.kill()
  for (const backend of backends) backend.close().closeAllConnections()
  await folder.remove()
})

async function startBackend(port: number): Promise<Server> {
  const server = createServer((_request, response) => setTimeout(() => response.end('whole'), 3))
  await once(server.listen(port, '127.0.0.1'), 'listening')
  return server
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

/** No connection is accepted, requests under way are answered, idle connections close: as servers end on SIGTERM. */
async function restart(index: number): Promise<void> {
  const server = backends[index]!
  const port = portOf(server)
  // The listener first: server.close() of HTTP closes idle connections before it, and what is sent again then would still be let in.
  const closed = once(Listener.prototype.close.call(server), 'close')
  const sweep = setInterval(() => server.closeIdleConnections(), 5)
  await closed
  clearInterval(sweep)
  await sleep(300)
  backends[index] = await startBackend(port)
  // It is in balancing again after two good probes, twice as many when it went out a moment ago.
  await sleep(2500)
}

test.each(['1', '2'])('no idempotent request fails (--workers %s)', { timeout: 60_000 }, async (workers) => {
  const urls = backends.map((backend) => `"http://127.0.0.1:${portOf(backend)}"`)
  await folder.write(`listen: [{ port: 0, address: 127.0.0.1 }]
services: { app: {} }
versions: { v1: { app: [${urls.join(', ')}] } }
stable: v1
accessLog: off
`)
  serving = await ServingProcess.start(folder.path, ['--workers', workers])
  const [host, port] = serving.listener.split(':') as [string, string]
  const agent = new Agent({ keepAlive: true })
  const outcomes = new Map<string, number>()
  const over = new AbortController()
  const visits = Array.from({ length: 8 }, async (_, index) => {
    const method = index === 0 ? 'PUT' : 'GET'
    while (!over.signal.aborted) {
      const outcome = await new Promise<string>((resolve) => {
        const asked = request({ host, port: Number(port), method, agent }, (response) => {
          response.resume().on('end', () => resolve(String(response.statusCode)))
          response.on('error', (error) => resolve(error.message))
        })
        asked.on('error', (error) => resolve(error.message)).end(method === 'PUT' ? 'body' : undefined)
      })
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    }
  })
  for (const index of [0, 1]) await restart(index)
  over.abort()
  await Promise.all(visits)
  agent.destroy()
  expect([...outcomes.keys()]).toEqual(['200'])
})
