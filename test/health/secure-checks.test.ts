// Health checks of HTTPS endpoints: over verified TLS, under the name of the pool.

import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compileConfiguration } from '../../src/config/snapshot.ts'
import { EdgeInForce } from '../../src/edge-in-force.ts'
import { Endpoints } from '../../src/proxy/endpoints.ts'
import { loadGood } from '../config/configuration-files.ts'
import { believedPair, describeWithOpenssl } from '../tls/authority.ts'
import { type HttpsBackend, startHttpsBackend } from '../tls/https-backend.ts'

describeWithOpenssl('HTTPS endpoints', () => {
  const pair = believedPair('DNS:app.test')
  let backend: HttpsBackend
  let isWell = true
  const asked: string[] = []

  beforeAll(async () => {
    backend = await startHttpsBackend(pair, (request, response) => {
      asked.push(`${(request.socket as TLSSocket).servername} ${request.headers.host} ${request.url}`)
      response.writeHead(isWell ? 200 : 500).end()
    })
  })

  afterAll(() => backend.close())

  /** A configuration in force whose one endpoint is the backend, by that name. */
  async function inForceFor(name: string): Promise<{ inForce: EdgeInForce; isOut: () => boolean }> {
    const configuration = await loadGood(`listen: [{ port: 8080 }]
services: { app: { healthCheck: { path: /healthz, interval: 50ms, unhealthyThreshold: 2 } } }
versions: { v1: { app: "https://${name}:${backend.port}" } }
stable: v1
`)
    const compiled = compileConfiguration(configuration)
    if (!('snapshot' in compiled)) throw new Error(compiled.problems[0]?.message)
    const endpoints = new Endpoints(() => performance.now())
    const inForce = new EdgeInForce({
      endpoints,
      secrets: { instance: 'test', pinKey: new Uint8Array(32), ticketKeys: new Uint8Array(48) },
      nowSeconds: () => 0,
      randomBytes: (size) => new Uint8Array(size),
      lookUp: () => Promise.resolve(['127.0.0.1']),
    })
    inForce.commit(compiled.snapshot, await inForce.prepare(compiled.snapshot))
    inForce.startProbing()
    return { inForce, isOut: () => !endpoints.allIn }
  }

  test('are asked under the name that their certificate has to bear, go out and come back', async () => {
    const { inForce, isOut } = await inForceFor('app.test')
    try {
      await expect.poll(() => asked.length, { timeout: 10_000 }).toBeGreaterThan(2)
      expect(asked[0]).toBe(`app.test app.test:${backend.port} /healthz`)
      expect(isOut()).toBe(false)
      isWell = false
      await expect.poll(isOut, { timeout: 10_000 }).toBe(true)
      isWell = true
      await expect.poll(isOut, { timeout: 10_000 }).toBe(false)
    } finally {
      inForce.close()
    }
  })

  test('are not well when their certificate bears another name', async () => {
    const { inForce, isOut } = await inForceFor('other.test')
    try {
      await expect.poll(isOut, { timeout: 10_000 }).toBe(true)
    } finally {
      inForce.close()
    }
  })
})
