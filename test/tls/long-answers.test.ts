// Long answers over TLS, where each piece waits to be written until the end of the turn while the next one is due: clients that read
// slowly get their own bytes, all of them.

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWithOpenssl } from './authority.ts'
import { SecureGateway } from './secure-gateway.ts'

const size = 3 << 20
const visitors = ['1', '2', '3', '4', '5', '6', '7', '8']

/** Every place in it says whose it is and where it stands. */
function bodyOf(visitor: string): string {
  let body = ''
  for (let at = 0; body.length < size; at++) body += `${visitor}:${at} `
  return body.slice(0, size)
}

describeWithOpenssl('long answers over TLS', () => {
  let edge: SecureGateway
  let backend: Server

  beforeAll(async () => {
    backend = createServer((request, response) => {
      const body = bodyOf(request.url!.slice(1))
      response.setHeader('content-length', body.length)
      response.end(body, 'latin1')
    }).listen(0, '127.0.0.1')
    await once(backend, 'listening')
    edge = await SecureGateway.prepare()
    await edge.authority.issue({ file: 'site', names: 'DNS:a.test' })
    const { port } = backend.address() as AddressInfo
    await edge.write(
      '{ port: 0, address: 127.0.0.1, tls: { cert: site.pem, key: site.key } }',
      `http://127.0.0.1:${port}`,
    )
    await edge.start()
  })

  afterAll(async () => {
    await edge?.[Symbol.asyncDispose]()
    backend.close()
  })

  test.each([
    { pace: 'as fast as they can', pauseMs: 0 },
    { pace: 'stopping again and again', pauseMs: 3 },
  ])('reach clients that read $pace, each its own', async ({ pauseMs }) => {
    const answers = await Promise.all(visitors.map((visitor) => download(edge.port, visitor, pauseMs)))
    const right = answers.map((text, at) => text.slice(text.indexOf('\r\n\r\n') + 4) === bodyOf(visitors[at]!))
    expect(right).toEqual(visitors.map(() => true))
  })
})

async function download(port: number, visitor: string, pauseMs: number): Promise<string> {
  const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
  let text = ''
  socket.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')))
  const closed = once(socket, 'close')
  socket.write(`GET /${visitor} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`)
  if (pauseMs > 0) await readInPauses(socket, pauseMs)
  await closed
  return text
}

async function readInPauses(socket: tls.TLSSocket, pauseMs: number): Promise<void> {
  while (!socket.closed) {
    socket.pause()
    await sleep(pauseMs)
    socket.resume()
    await sleep(2)
  }
}
