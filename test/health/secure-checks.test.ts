// Health checks of HTTPS endpoints: over verified TLS, under the name of the pool.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compileConfiguration } from '../../src/config/snapshot.ts'
import { EdgeInForce } from '../../src/edge-in-force.ts'
import { Endpoints } from '../../src/proxy/endpoints.ts'
import { loadGood } from '../config/configuration-files.ts'
import { Authority, type Pair, withoutOpenssl } from '../tls/authority.ts'
import { type HttpsBackend, startHttpsBackend } from '../tls/https-backend.ts'

describe.skipIf(withoutOpenssl)(`HTTPS endpoints${withoutOpenssl ? ' (left out: openssl is missing)' : ''}`, () => {
  let directory: string
  let pair: Pair
  let backend: HttpsBackend
  let isWell = true
  const asked: string[] = []

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'graylane-secure-checks-'))
    const authority = await Authority.create(directory)
    pair = await authority.issue({ file: 'app', names: 'DNS:app.test' })
    tls.setDefaultCACertificates([...tls.getCACertificates('default'), authority.pem])
    backend = await startHttpsBackend(pair, (request, response) => {
      asked.push(`${(request.socket as tls.TLSSocket).servername} ${request.headers.host} ${request.url}`)
      response.writeHead(isWell ? 200 : 500).end()
    })
  })

  afterAll(async () => {
    backend.close()
    await rm(directory, { recursive: true, force: true })
  })

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
