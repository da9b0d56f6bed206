// Connections to HTTPS upstreams that break off below TLS, in each state: by a reset, or by an end without TLS's own (close_notify).

import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startPlainProxy } from '../http1/plain-proxy.ts'
import { connect, type Line, until } from '../http1/wire.ts'
import { believedPair, describeWithOpenssl, type Pair } from './authority.ts'
import { askPlain, secureEndpoint, startTlsScript } from './https-backend.ts'

type Cut = 'reset' | 'end'

/** A TLS upstream behind a wire that `cut` breaks. */
async function startCutWire(pair: Pair, script: (line: Line, cut: (how: Cut) => void) => Promise<void>) {
  const wires: net.Socket[] = []
  const backend = await startTlsScript(pair, (line, connection) =>
    script(line, (how) => {
      const wire = wires[connection]!
      if (how === 'reset') wire.resetAndDestroy()
      else wire.end()
    }),
  )
  const server = net.createServer((wire) => {
    wires.push(wire)
    const behind = net.connect(backend.port, '127.0.0.1')
    wire.pipe(behind, { end: false }).on('data', (bytes) => wire.writable && wire.write(bytes))
    for (const socket of [wire, behind]) socket.on('error', () => {}).on('close', () => behind.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  const proxy = await startPlainProxy({ endpoints: [secureEndpoint(port)] })
  return Object.assign(proxy, {
    async [Symbol.asyncDispose]() {
      await proxy.close()
      server.close()
      backend.close()
    },
  })
}

describeWithOpenssl('an HTTPS upstream whose connection breaks off', () => {
  const pair = believedPair('DNS:app.test')

  test.each([
    { framing: 'a length', fields: 'Content-Length: 100\r\n', how: 'reset' },
    { framing: 'a length', fields: 'Content-Length: 100\r\n', how: 'end' },
    { framing: 'chunks', fields: 'Transfer-Encoding: chunked\r\n', how: 'reset' },
    { framing: 'chunks', fields: 'Transfer-Encoding: chunked\r\n', how: 'end' },
    { framing: 'neither', fields: '', how: 'reset' },
    { framing: 'neither, said to close', fields: 'Connection: close\r\n', how: 'reset' },
  ] as const)('by $how in a body of $framing: the client can tell', async ({ fields, how }) => {
    await using proxy = await startCutWire(pair, async (line, cut) => {
      await line.take(/\r\n\r\n/)
      line.write(`HTTP/1.1 200 OK\r\n${fields}\r\n5\r\nhello\r\n`)
      await sleep(50)
      cut(how)
    })
    const answer = await askPlain(proxy.port, ['GET / HTTP/1.1'])
    expect(answer).toContain('hello')
    expect(answer).not.toMatch(/0\r\n\r\n$/)
    expect(proxy.outcomes).toMatchObject([{ end: 'truncated', status: 200 }])
  })

  test.each([
    { when: 'before the request was answered', says: '' },
    { when: 'in the head', says: 'HTTP/1.1 200 OK\r\nContent-Le' },
    { when: 'behind an interim head', says: 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n' },
  ])('$when: 502 or 503, whichever way, and once', async ({ says }) => {
    for (const how of ['reset', 'end'] as const) {
      let requests = 0
      await using proxy = await startCutWire(pair, async (line, cut) => {
        await line.take(/\r\n\r\n/)
        requests++
        line.write(says)
        await sleep(50)
        cut(how)
      })
      expect(await askPlain(proxy.port, ['GET / HTTP/1.1'])).toMatch(
        /^(?:HTTP\/1.1 103 [^]*?\r\n\r\n)?HTTP\/1.1 50[23] /,
      )
      expect(requests).toBe(1)
    }
  })

  test.each(['reset', 'end'] as const)(
    'by %s while it is idle: the next request is answered over another',
    async (how) => {
      let connections = 0
      await using proxy = await startCutWire(pair, async (line, cut) => {
        const connection = connections++
        await line.take(/\r\n\r\n/)
        line.write(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${connection}`)
        await sleep(50)
        if (connection === 0) cut(how)
      })
      expect(await askPlain(proxy.port, ['GET / HTTP/1.1'])).toMatch(/\r\n\r\n0$/)
      await until(() => proxy.upstreams.open === 0)
      expect(await askPlain(proxy.port, ['POST / HTTP/1.1', 'Content-Length: 1'], 'x')).toMatch(/\r\n\r\n1$/)
    },
  )

  test.each(['reset', 'end'] as const)(
    'by %s under a websocket: the client gets all that came, then the end',
    async (how) => {
      await using proxy = await startCutWire(pair, async (line, cut) => {
        await line.take(/\r\n\r\n/)
        line.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nglued')
        await line.take(/early/)
        line.write('frame')
        await sleep(50)
        cut(how)
      })
      const line = connect(proxy.port)
      line.write(
        'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\nearly',
      )
      expect(await line.end()).toMatch(/^HTTP\/1.1 101 [^]*\r\n\r\ngluedframe$/)
      line.socket.destroy()
      await until(() => proxy.outcomes.length === 1)
      expect(proxy.outcomes[0]).toMatchObject({ status: 101, end: 'tunnel-closed' })
    },
  )
})
