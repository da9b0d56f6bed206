// Handshakes and certificates at bad moments: pieces, reloads in the middle, sessions of a certificate that is gone, ends during a stall.

import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Line, ok, startUpstream, type Upstream } from '../http1/wire.ts'
import { describeWithOpenssl, type Pair, replacePair } from './authority.ts'
import { ask, SecureGateway } from './secure-gateway.ts'

describeWithOpenssl('a TLS listener', () => {
  const size = 16_000_000
  let edge: SecureGateway
  let upstream: Upstream
  let second: Pair
  let renewed: Pair
  let former: Pair

  beforeAll(async () => {
    upstream = await startUpstream(async (line) => {
      for (;;) {
        const { head } = await line.message()
        line.write(ok(head.startsWith('GET /large') ? 'x'.repeat(size) : 'small'))
      }
    })
    edge = await SecureGateway.prepare()
    await edge.authority.issue({ file: 'first', names: 'DNS:a.test' })
    second = await edge.authority.issue({ file: 'second', names: 'DNS:b.test' })
    former = await edge.authority.issue({ file: 'former', names: 'DNS:b.test' })
    renewed = await edge.authority.issue({ file: 'renewed', names: 'DNS:b.test' })
    await replacePair(second, former)
    const pairs = '[{ cert: first.pem, key: first.key }, { cert: second.pem, key: second.key }]'
    await edge.write(`{ port: 0, address: 127.0.0.1, tls: ${pairs} }`, `http://127.0.0.1:${upstream.port}`)
    await edge.start()
  })
  afterAll(async () => {
    await edge?.[Symbol.asyncDispose]()
    await upstream?.close()
  })

  async function renew(pair: Pair): Promise<void> {
    await replacePair(second, pair)
    expect((await edge.gateway.reload()).ok).toBe(true)
  }

  test('takes a handshake byte by byte', async () => {
    const relay = await startRelay(edge.port, async (bytes, pass) => {
      for (const byte of bytes) {
        pass(Buffer.of(byte))
        if (byte < 16) await sleep(0)
      }
    })
    expect(await ask(relay.port, { servername: 'b.test' })).toMatchObject({ certificate: 'former', error: undefined })
    relay.close()
  })

  test.each([
    ['inside a client’s first message', 100],
    ['behind it', Infinity],
  ])('finishes a handshake during which the certificate is exchanged: %s', async (_, bytesBefore) => {
    let isFirst = true
    const relay = await startRelay(edge.port, async (bytes, pass) => {
      pass(bytes.subarray(0, bytesBefore))
      if (isFirst) await renew(renewed)
      isFirst = false
      if (bytes.length > bytesBefore) pass(bytes.subarray(bytesBefore))
    })
    const seen = await ask(relay.port, { servername: 'b.test' })
    expect(seen.text).toMatch(/^HTTP\/1.1 200 /)
    expect(await ask(edge.port, { servername: 'b.test' })).toMatchObject({ certificate: 'renewed' })
    await renew(former)
    relay.close()
  })

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'resumes a session of %s behind its certificate’s end, for its own name',
    async (maxVersion) => {
      const { session } = await ask(edge.port, { servername: 'b.test', maxVersion })
      await renew(renewed)
      expect(await ask(edge.port, { servername: 'b.test', maxVersion, session })).toMatchObject({
        reused: true,
        error: undefined,
      })
      const elsewhere = await ask(edge.port, { servername: 'a.test', maxVersion, session })
      expect(elsewhere).toMatchObject({ reused: false, certificate: 'first', error: undefined })
      await renew(former)
    },
  )

  test('gives each new connection one certificate or the other while they are exchanged', async () => {
    const over = new AbortController()
    const seen = new Set<string | undefined>()
    const failed: unknown[] = []
    const visitors = [0, 1].map(async () => {
      while (!over.signal.aborted) {
        const { certificate, error, text } = await ask(edge.port, { servername: 'b.test' })
        seen.add(certificate)
        if (!text.startsWith('HTTP/1.1 200 ')) failed.push(error ?? text)
      }
    })
    for (const pair of [renewed, former, renewed, former]) {
      await renew(pair)
      await sleep(30)
    }
    over.abort()
    await Promise.all(visitors)
    expect([failed, seen]).toEqual([[], new Set(['former', 'renewed'])])
  })

  test('gives all of an answer to a client that ends its side (close_notify) while a write is stalled', async () => {
    const plain = net.connect({ port: edge.port, host: '127.0.0.1', allowHalfOpen: true })
    const socket = tls.connect({ socket: plain, rejectUnauthorized: false })
    const client = new Line(socket)
    await new Promise((resolve) => socket.once('secureConnect', resolve))
    socket.pause()
    client.write('GET /large HTTP/1.1\r\nHost: a.test\r\n\r\n')
    await sleep(150)
    socket.end()
    await sleep(50)
    socket.resume()
    expect((await client.message()).body.length).toBe(size)
    socket.destroy()
  })
})

interface Relay {
  readonly port: number
  close(): void
}

/** Hands what a client sends over in the way of `each`; what comes back goes as it is. */
async function startRelay(
  port: number,
  each: (bytes: Buffer, pass: (part: Uint8Array) => void) => Promise<void>,
): Promise<Relay> {
  const sockets: net.Socket[] = []
  const server = net.createServer((client) => {
    const gateway = net.connect({ port, host: '127.0.0.1', noDelay: true })
    sockets.push(client, gateway)
    for (const socket of [client, gateway]) socket.on('error', () => undefined)
    let queue = Promise.resolve()
    client.on('data', (bytes) => {
      queue = queue.then(() => each(bytes as Buffer, (part) => void gateway.write(part)))
    })
    gateway.pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = (): void => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  return { port: (server.address() as net.AddressInfo).port, close }
}
