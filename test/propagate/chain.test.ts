// A chain of three services in two versions behind a real gateway: edge, front, internal listener, middle, internal listener, last. All
// run at one address, so nothing but what they hand on tells versions apart.

import { once } from 'node:events'
import http, { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fastify } from 'fastify'
import { Agent, request as undiciRequest } from 'undici'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { propagateVersion } from '../../src/propagate/propagate.ts'
import { type StartedGateway, startGateway } from '../support/started-gateway.ts'

const closing: (() => Promise<unknown>)[] = []
let edge: StartedGateway
let inside = 0

/** Calls `middle` with node:http, after a body came in events, and answers with what it said. */
async function startFront(version: string): Promise<number> {
  const propagation = propagateVersion({ served: version })
  const { request } = propagation.client(http)
  return listen(
    createServer(
      propagation.listener((incoming, response) => {
        incoming.on('data', () => {})
        incoming.on('end', () => {
          const call = request(
            { host: '127.0.0.1', port: inside, path: '/', headers: { host: 'middle' } },
            (answer) => {
              answer.setEncoding('utf8').on('data', (text: string) => response.end(`front ${version}, ${text}`))
            },
          )
          call.end()
        })
      }),
    ),
  )
}

/** Calls `last` with undici, after a while. */
async function startMiddle(version: string): Promise<number> {
  const propagation = propagateVersion({ served: version })
  const agent = new Agent()
  const dispatcher = agent.compose(propagation.interceptor)
  const app = fastify()
  await app.register(propagation.fastify)
  app.get('/', async () => {
    await sleep(Math.random() * 10)
    const { body } = await undiciRequest(`http://127.0.0.1:${inside}/`, { dispatcher, headers: { host: 'last' } })
    return `middle ${version}, ${await body.text()}`
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  closing.push(async () => {
    await app.close()
    await agent.close()
  })
  return (app.server.address() as AddressInfo).port
}

async function startLast(version: string): Promise<number> {
  const propagation = propagateVersion({ served: version })
  return listen(
    createServer(propagation.listener((_request, response) => response.end(`last ${version} of ${propagation.asked}`))),
  )
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

beforeAll(async () => {
  const pools = async (version: string): Promise<string> => {
    const url = (port: number): string => `"http://127.0.0.1:${port}"`
    return `{ front: ${url(await startFront(version))}, middle: ${url(await startMiddle(version))}, last: ${url(await startLast(version))} }`
  }
  edge = await startGateway(`listen:
  - { port: 0, address: 127.0.0.1 }
  - { port: 0, internal: true }
services: { middle: { match: [{ uri: { exact: /nowhere } }] }, last: { match: [{ uri: { exact: /nowhere } }] }, front: }
versions:
  v1: ${await pools('v1')}
  v2: ${await pools('v2')}
stable: v1
gray: [{ version: v2, users: [anna] }]
identity: [cookies.user]
accessLog: off
`)
  inside = edge.gateway.listeners()[1]!.port
})

afterAll(async () => {
  await edge?.close()
  for (const close of closing) await close()
})

test('keeps one version from end to end, however many requests of both are under way', async () => {
  const origin = `http://127.0.0.1:${edge.port}`
  const ask = async (index: number): Promise<string> => {
    const init = {
      method: 'POST',
      body: 'x'.repeat(1 + index * 1000),
      headers: { cookie: index % 2 === 0 ? 'user=anna' : 'user=bert' },
    }
    return (await fetch(`${origin}/`, init)).text()
  }
  const answers = await Promise.all(Array.from({ length: 80 }, (_, index) => ask(index)))
  const chain = (version: string): string => `front ${version}, middle ${version}, last ${version} of ${version}`
  expect(answers).toEqual(answers.map((_, index) => chain(index % 2 === 0 ? 'v2' : 'v1')))

  // And the audit has seen it: every hop named its version, and it was the one that was asked.
  expect(edge.records.filter(({ internal }) => internal)).toHaveLength(160)
  expect(edge.records.filter(({ servedVersion, poolVersion }) => servedVersion !== poolVersion)).toEqual([])
  expect(new Set(edge.records.filter(({ internal }) => internal).map(({ reason }) => reason))).toEqual(
    new Set(['asked']),
  )
})
