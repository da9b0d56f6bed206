import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createGateway, type Gateway } from '../../src/gateway.ts'
import { UpstreamTrust } from '../../src/proxy/tls/upstream-trust.ts'
import { ServingProcess } from '../cli/graylane-process.ts'
import { until } from '../http1/wire.ts'
import { type RawAnswer, sendRaw } from '../support/raw-request.ts'
import { Authority, type Pair, describeWithOpenssl } from './authority.ts'
import { echo, echoedIn, type HttpsBackend, secureEndpoint, startHttpsBackend } from './https-backend.ts'
import { ask, SecureGateway } from './secure-gateway.ts'

function get(port: number): Promise<RawAnswer> {
  const lines = ['GET / HTTP/1.1', 'Host: shop.test', 'Accept: text/html', 'Connection: close']
  return sendRaw({ host: '127.0.0.1', port, from: '127.0.0.1' }, lines)
}

describeWithOpenssl('which HTTPS upstreams are believed', () => {
  let files: SecureGateway
  let good: Pair
  const gateways: Gateway[] = []
  const lines: string[] = []

  beforeAll(async () => {
    files = await SecureGateway.prepare()
    good = await files.authority.issue({ file: 'good', names: 'DNS:app.test,IP:127.0.0.1' })
    tls.setDefaultCACertificates([...tls.getCACertificates('default'), files.authority.pem])
  })

  afterAll(async () => {
    for (const gateway of gateways) await gateway.close()
    await files?.[Symbol.asyncDispose]()
  })

  /** A gateway whose only pool this is; every name is at 127.0.0.1. */
  async function gatewayTo(pool: string): Promise<{ gateway: Gateway; port: number }> {
    await files.write('{ port: 0, address: 127.0.0.1 }', pool)
    const gateway = await createGateway({
      configPath: files.configPath,
      watch: false,
      log: (line) => lines.push(line),
      lookUp: () => Promise.resolve(['127.0.0.1']),
    })
    gateways.push(gateway)
    lines.length = 0
    return { gateway, port: gateway.listeners()[0]!.port }
  }

  test.each([
    { host: 'app.test', asked: 'app.test', why: 'its name' },
    { host: 'APP.test', asked: 'app.test', why: 'its name in any spelling' },
    { host: '127.0.0.1', asked: false, why: 'its address, which is not sent as a server name' },
  ])('one whose certificate bears $why', async ({ host, asked }) => {
    const backend = await startHttpsBackend(good, echo)
    const { port } = await gatewayTo(`https://${host}:${backend.port}`)
    const { status, body } = await get(port)
    expect(status).toBe(200)
    expect(echoedIn(body).servername).toBe(asked)
    expect(lines).toEqual([])
    backend.close()
  })

  const distrusted: {
    readonly what: string
    readonly start: () => Promise<HttpsBackend>
    readonly host?: string
    readonly said: string
  }[] = [
    {
      what: 'one of an authority nobody knows',
      start: async () => {
        const stranger = await Authority.create(files.directory, 'stranger')
        return startHttpsBackend(await stranger.issue({ file: 'foreign', names: 'DNS:app.test' }), echo)
      },
      said: 'unable to verify the first certificate',
    },
    {
      what: 'an expired one',
      start: async () =>
        startHttpsBackend(await files.authority.issue({ file: 'old', names: 'DNS:app.test', days: -1 }), echo),
      said: 'certificate has expired',
    },
    {
      what: 'one that bears another name',
      start: () => startHttpsBackend(good, echo),
      host: 'other.test',
      said: "Hostname/IP does not match certificate's altnames",
    },
    {
      what: 'one that speaks TLS 1.1 alone',
      start: () =>
        startHttpsBackend(good, echo, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }),
      said: 'ERR_SSL_',
    },
  ]

  test.each(distrusted)('$what gets nothing, and that is said once', async ({ start, host = 'app.test', said }) => {
    const backend = await start()
    const { port, gateway } = await gatewayTo(`https://${host}:${backend.port}`)
    for (let i = 0; i < 3; i++) {
      const { status, body } = await get(port)
      expect(status).toBe(503)
      expect(body).toMatch(/EDGE_(UPSTREAM_REFUSED|VERSION_UNAVAILABLE)/)
    }
    expect(backend.requests()).toBe(0)
    const opening = `upstream https://${host}:${backend.port}@127.0.0.1 is not trusted, nothing is sent to it: `
    expect(lines).toHaveLength(1)
    expect(lines[0]!.slice(0, opening.length + said.length)).toBe(opening + said)
    expect(lines[0]).not.toMatch(/\n|deps\/openssl/)
    await gateway.close()
    backend.close()
  })

  test('one that was believed meanwhile is told again', async () => {
    const backend = await startHttpsBackend(good, echo)
    const told: string[] = []
    const trust = new UpstreamTrust((line) => told.push(line))
    const endpoint = { ...secureEndpoint(backend.port), serverName: 'app.test' }
    const expired = Object.assign(new Error('certificate has expired'), { code: 'CERT_HAS_EXPIRED' })
    for (let i = 0; i < 2; i++) trust.noteFailure(endpoint, expired)
    expect(told).toHaveLength(1)
    const socket = trust.connect(endpoint)
    await once(socket, 'secureConnect')
    socket.destroy()
    trust.noteFailure(endpoint, expired)
    expect(told).toHaveLength(2)
    backend.close()
  })

  test('one that speaks plain HTTP gets nothing but a handshake', async () => {
    const got: string[] = []
    const server = net.createServer((socket) => {
      socket.on('error', () => {})
      socket.on('data', (bytes: Buffer) => {
        got.push(bytes.toString('latin1'))
        socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port: upstreamPort } = server.address() as net.AddressInfo
    const { port, gateway } = await gatewayTo(`https://app.test:${upstreamPort}`)
    expect((await get(port)).status).toBe(503)
    expect(got.join('')).not.toMatch(/GET|HTTP|shop\.test/)
    expect(lines.join()).toContain('is not trusted')
    await gateway.close()
    server.close()
  })

  describe('in a pool with another endpoint', () => {
    const attempts: number[] = []
    let other: HttpsBackend

    beforeAll(async () => {
      other = await startHttpsBackend(good, echo)
    })

    afterAll(() => other?.close())

    /** A gateway whose pool is this port and the other backend. */
    async function gatewayToBoth(port: number): Promise<number> {
      const pool = `["https://app.test:${port}", "https://app.test:${other.port}"]`
      const routes = `services: { app: {} }\nversions: { v1: { app: ${pool} } }\nstable: v1\naccessLog: off\n`
      await writeFile(files.configPath, `listen: [{ port: 0, address: 127.0.0.1 }]\n${routes}`)
      const gateway = await createGateway({
        configPath: files.configPath,
        watch: false,
        lookUp: () => Promise.resolve(['127.0.0.1']),
        observers: [(record) => attempts.push(record.attempts)],
      })
      gateways.push(gateway)
      attempts.length = 0
      return gateway.listeners()[0]!.port
    }

    test('requests to one that refuses go to the other', async () => {
      const closed = net.createServer().listen(0, '127.0.0.1')
      await new Promise((resolve) => closed.once('listening', resolve))
      const { port: nobody } = closed.address() as net.AddressInfo
      await new Promise((resolve) => closed.close(resolve))
      const port = await gatewayToBoth(nobody)
      for (let i = 0; i < 6; i++) expect((await get(port)).status).toBe(200)
      expect(attempts.filter((count) => count === 2)).toHaveLength(1)
    })

    test('probes keep one out while its certificate does not hold, and let it in when it does', async () => {
      const bad = await files.authority.issue({ file: 'bad', names: 'DNS:app.test', days: -1 })
      const backend = await startHttpsBackend(bad, echo)
      const port = await gatewayToBoth(backend.port)
      // Longer than two good probes take.
      for (const end = Date.now() + 2500; Date.now() < end; await sleep(50)) expect((await get(port)).status).toBe(200)
      expect(attempts.filter((count) => count === 2)).toHaveLength(1)
      expect(backend.requests()).toBe(0)
      backend.server.setSecureContext({ cert: await readFile(good.cert), key: await readFile(good.key) })
      const asking = setInterval(() => void get(port), 50)
      try {
        await until(() => backend.requests() > 0, 8000)
      } finally {
        clearInterval(asking)
        backend.close()
      }
    })
  })

  test('an authority of NODE_EXTRA_CA_CERTS is trusted, and workers resume each other’s sessions', async () => {
    const backend = await startHttpsBackend(good, echo)
    await files.write(
      '{ port: 0, address: 127.0.0.1, tls: { cert: good.pem, key: good.key } }',
      `https://127.0.0.1:${backend.port}`,
    )
    const authority = join(files.directory, 'authority.pem')
    const serving = await ServingProcess.start(files.configPath, ['--workers', '2'], {
      NODE_EXTRA_CA_CERTS: authority,
    })
    try {
      const port = Number(/listening on https:\/\/127\.0\.0\.1:(\d+)/.exec(serving.err)?.[1])
      const first = await ask(port)
      expect(first.text).toMatch(/^HTTP\/1.1 200 /)
      const { session } = first
      const later = await Promise.all(
        Array.from({ length: 16 }, () => ask(port, { maxVersion: 'TLSv1.3', ...(session && { session }) })),
      )
      expect(later.map(({ reused }) => reused)).toEqual(later.map(() => true))
      const metrics = await (await fetch(`http://${serving.admin}/metrics`)).text()
      expect(metrics).toMatch(
        /graylane_tls_certificate_expiry_timestamp_seconds\{listener="127.0.0.1-0",certificate="good.pem"\} \d{10}\n/,
      )
    } finally {
      serving.child.kill('SIGTERM')
      await serving.ended()
      backend.close()
    }
  })
})
