// Tunnels: only for websocket, only behind a 101, never pooled, open as long as either side has something to say.

import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { endpointOf, startPlainProxy } from './plain-proxy.ts'
import type { PlainProxy } from './plain-proxy.ts'
import { answering, ok, stage, until } from './wire.ts'

const upgrade =
  'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'

describe('a websocket', () => {
  let server: http.Server
  let sockets: WebSocketServer
  let proxy: PlainProxy

  beforeEach(async () => {
    server = http.createServer()
    sockets = new WebSocketServer({ server, handleProtocols: () => 'mqtt', maxPayload: 64 << 20 })
    sockets.on('connection', (socket) => {
      socket.on('message', (data, binary) => {
        if (String(data) === 'close') socket.close(4001, 'bye')
        else socket.send(data as Buffer, { binary })
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    proxy = await startPlainProxy({ endpoints: [endpointOf((server.address() as AddressInfo).port)] })
  })

  afterEach(async () => {
    await proxy.close()
    for (const socket of sockets.clients) socket.terminate()
    server.close()
    expect([proxy.server.openConnections, proxy.server.activeRequests]).toEqual([0, 0])
  })

  async function open(): Promise<WebSocket> {
    const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/mqtt`, ['mqtt'], { maxPayload: 64 << 20 })
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('error', reject)
    })
    return socket
  }

  function reply(socket: WebSocket): Promise<Buffer> {
    return new Promise((resolve) => void socket.once('message', (data) => resolve(data as Buffer)))
  }

  it('keeps its subprotocol and echoes text and 16 MiB of bytes', async () => {
    const socket = await open()
    expect(socket.protocol).toBe('mqtt')
    let answer = reply(socket)
    socket.send('hello')
    expect(String(await answer)).toBe('hello')
    const big = Buffer.alloc(16 << 20)
    for (let i = 0; i < big.length; i += 4) big.writeUInt32LE(i, i)
    answer = reply(socket)
    socket.send(big)
    expect(big.equals(await answer)).toBe(true)
    socket.close()
    await until(() => proxy.outcomes.length === 1)
    expect(proxy.outcomes[0]).toMatchObject({ status: 101, end: 'tunnel-closed' })
    expect(proxy.outcomes[0]!.bytesReceived).toBeGreaterThan(16 << 20)
  })

  it('is closed from either side with its code', async () => {
    const byServer = await open()
    const closed = new Promise((resolve) => void byServer.once('close', (code) => resolve(code)))
    byServer.send('close')
    expect(await closed).toBe(4001)
    const byClient = await open()
    const seen = new Promise((resolve) => void [...sockets.clients].at(-1)!.once('close', (code) => resolve(code)))
    byClient.close(4002, 'enough')
    expect(await seen).toBe(4002)
    await until(() => proxy.outcomes.length === 2)
  })

  it('that dies on one side dies on the other', async () => {
    const socket = await open()
    const closed = new Promise((resolve) => void socket.once('close', resolve))
    for (const each of sockets.clients) each.terminate()
    await closed
    const second = await open()
    second.terminate()
    await until(() => sockets.clients.size === 0)
  })
})

describe('upgrading', () => {
  it('is opened although Connection names the fields that open it, on either side', async () => {
    const fields = 'Sec-WebSocket-Key, sec-websocket-version, Sec-WebSocket-Protocol, Sec-WebSocket-Extensions'
    const set = await stage(async (line) => {
      const head = await line.take(/^[^]*\r\n\r\n$/)
      const names = Array.from(head.matchAll(/^(sec-websocket-\w+):/gim), ([, name]) => name!.toLowerCase())
      const accept = `Connection: Upgrade, Sec-WebSocket-Accept\r\nSec-WebSocket-Accept: ${names.toSorted().join()}`
      line.write(switching.replace('Connection: Upgrade', accept))
    })
    const asked = upgrade
      .replace('Connection: Upgrade', `Connection: Upgrade, ${fields}`)
      .replace('\r\n\r\n', '\r\nSec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Extensions: x\r\n\r\n')
    expect(
      await set
        .client()
        .write(asked)
        .take(/^[^]*?\r\n\r\n/),
    ).toMatch(
      /\r\nSec-WebSocket-Accept: sec-websocket-extensions,sec-websocket-key,sec-websocket-protocol,sec-websocket-version\r\n/,
    )
    await set.strike()
  })

  it('holds bytes back until the upstream has switched', async () => {
    const set = await stage(async (line) => {
      await line.take(/upgrade: websocket\r\n\r\n$/)
      await sleep(50)
      expect(line.text).toBe('')
      line.write(switching)
      line.write(`got ${await line.take(/early/)}`)
    })
    const client = set.client().write(`${upgrade}early`)
    expect(await client.take(/^[^]*?\r\n\r\ngot early$/)).toMatch(/connection: Upgrade\r\nupgrade: websocket\r\n\r\n/)
    await set.strike()
  })

  it('refused by the upstream is an ordinary answer, and what follows is HTTP again', async () => {
    const set = await stage(answering((head) => ok(head.split(' ')[1]!)))
    const client = set.client().write(`${upgrade}GET /next HTTP/1.1\r\nHost: a\r\n\r\n`)
    expect((await client.message()).body).toBe('/ws')
    expect((await client.message()).body).toBe('/next')
    await set.strike()
  })

  it.each([
    ['websocket, h2c', 'Upgrade: websocket, h2c'],
    ['h2c', 'Upgrade: h2c'],
    ['websocket twice', 'Upgrade: websocket\r\nUpgrade: websocket'],
  ])('to %s is not passed on', async (_what, field) => {
    const set = await stage(answering((head) => ok(head)))
    const { body } = await set.client().write(upgrade.replace('Upgrade: websocket', field)).message()
    expect(body).not.toMatch(/\r\n(upgrade|connection):/i)
    await set.strike()
  })

  it('to something else than was asked for is 502', async () => {
    const set = await stage(
      (line) => void line.take(/\r\n\r\n/).then(() => line.write(switching.replace('websocket', 'foo'))),
    )
    expect((await set.client().write(upgrade).message()).head).toMatch(/^HTTP\/1\.1 502 /)
    await set.strike()
  })

  it('passes on what each side still has to say after the other has ended', async () => {
    const set = await stage(async (line) => {
      await line.take(/\r\n\r\n$/)
      line.write(switching)
      line.socket.removeAllListeners('end')
      await line.take(/ping/)
      await until(() => line.text === 'last')
      line.write('and mine').socket.end()
    })
    const client = set.client().write(upgrade)
    await client.take(/\r\n\r\n$/)
    client.write('pinglast').socket.end()
    expect(await client.end()).toBe('and mine')
    await until(() => set.proxy.outcomes.length === 1)
    expect(set.proxy.outcomes[0]).toMatchObject({ status: 101, end: 'tunnel-closed', bytesReceived: 8, bytesSent: 8 })
    await set.strike()
  })

  it('never gives the connection back to the pool', async () => {
    const set = await stage(async (line, connection) => {
      await line.take(/\r\n\r\n/)
      line.write(connection === 0 ? switching : ok('fresh'))
    })
    const client = set.client().write(upgrade)
    await client.take(/\r\n\r\n$/)
    client.socket.destroy()
    await until(() => set.upstream.open() === 0)
    expect((await set.client().write('GET / HTTP/1.1\r\nHost: a\r\n\r\n').message()).body).toBe('fresh')
    await set.strike()
  })
})
