import { readFile, rename, writeFile } from 'node:fs/promises'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import net from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { configurationJson } from '../../src/admin/configuration-json.ts'
import { type Echo, type EchoBackend, startEchoBackend } from '../support/echo-backend.ts'
import { sendRaw } from '../support/raw-request.ts'
import { replacePair, describeWithOpenssl } from './authority.ts'
import { ask, SecureGateway } from './secure-gateway.ts'

const failures = 'graylane_tls_failed_connections_total'

async function until(test: () => Promise<boolean> | boolean, what: string): Promise<void> {
  for (const end = Date.now() + 5000; !(await test()); await sleep(10)) {
    if (Date.now() > end) throw new Error(`not within 5 s: ${what}`)
  }
}

/** What a plain TCP client gets for these bytes, until the connection ends. */
function sendBytes(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const socket = net.connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1'))
    socket.on('data', (part: Buffer) => (text += part.toString('latin1')))
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
  })
}

/** With which a TLS client begins. */
async function clientHello(): Promise<string> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = tls.connect((server.address() as net.AddressInfo).port, '127.0.0.1').on('error', () => {})
  const [socket] = (await once(server, 'connection')) as [net.Socket]
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  client.destroy()
  server.close()
  return bytes.toString('latin1')
}

describeWithOpenssl('HTTPS at the edge', () => {
  let edge: SecureGateway
  let backend: EchoBackend

  beforeAll(async () => {
    edge = await SecureGateway.prepare()
    backend = await startEchoBackend('app', 'v1')
    await edge.authority.issue({ file: 'a', names: 'DNS:a.test,IP:127.0.0.1' })
    await edge.authority.issue({ file: 'b', names: 'DNS:b.test,DNS:*.wild.test', days: 3 })
    await edge.authority.issue({ file: 'c', names: 'DNS:*.test,DNS:x.wild.test,DNS:a.test' })
    const pairs = ['a', 'b', 'c'].map((name) => `{ cert: ${name}.pem, key: ${name}.key }`).join(', ')
    const limits = 'limits: { headTimeout: 1s }\n'
    await edge.write(`{ port: 0, address: 127.0.0.1, tls: [${pairs}] }`, backend.url, limits)
    await edge.start()
  })

  afterAll(async () => {
    await edge?.[Symbol.asyncDispose]()
    await backend?.close()
  })

  test.each([
    { asked: 'a.test', given: 'a', why: 'the first certificate that bears it' },
    { asked: 'B.Test', given: 'b', why: 'in any spelling' },
    { asked: 'b.test.', given: 'b', why: 'with the dot of a complete name' },
    { asked: 'one.wild.test', given: 'b', why: 'a wildcard' },
    { asked: 'x.wild.test', given: 'c', why: 'the name itself before a wildcard' },
    { asked: 'two.one.wild.test', given: 'a', why: 'a wildcard stands for one label, so the first' },
    { asked: 'other.test', given: 'c', why: 'a wildcard of another certificate' },
    { asked: 'example.org', given: 'a', why: 'nobody has it, so the first' },
    { asked: '', given: 'a', why: 'no name is asked for, so the first' },
  ])('the server name "$asked" gets certificate $given: $why', async ({ asked, given }) => {
    const seen = await ask(edge.port, { servername: asked })
    expect(seen).toMatchObject({ certificate: given, error: undefined })
    expect(seen.text).toMatch(/^HTTP\/1.1 200 /)
  })

  test('a client that trusts the authority finds the certificate in order', async () => {
    const seen = await ask(edge.port, { servername: 'a.test', ca: edge.authority.pem, rejectUnauthorized: true })
    expect(seen).toMatchObject({ certificate: 'a', error: undefined })
  })

  test.each([
    { offered: ['http/1.1'], agreed: 'http/1.1', error: undefined },
    { offered: ['h2', 'http/1.1'], agreed: 'http/1.1', error: undefined },
    { offered: undefined, agreed: false, error: undefined },
    { offered: ['h2'], agreed: null, error: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL' },
  ])('of ALPN $offered the edge takes $agreed', async ({ offered, agreed, error }) => {
    const seen = await ask(edge.port, offered === undefined ? {} : { ALPNProtocols: offered })
    expect(seen).toMatchObject({ alpn: agreed, error })
  })

  test.each([
    { version: 'TLSv1', spoken: undefined, error: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' },
    { version: 'TLSv1.1', spoken: undefined, error: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' },
    { version: 'TLSv1.2', spoken: 'TLSv1.2', error: undefined },
    { version: 'TLSv1.3', spoken: 'TLSv1.3', error: undefined },
  ] as const)('a client with $version alone: $error', async ({ version, spoken, error }) => {
    const options = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }
    expect(await ask(edge.port, options)).toMatchObject({ protocol: spoken, error })
  })

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('a session of %s is resumed, also after a reload', async (maxVersion) => {
    const options = { maxVersion, servername: 'b.test' }
    const { session, reused } = await ask(edge.port, options)
    expect(reused).toBe(false)
    const written = await readFile(edge.configPath, 'utf8')
    await writeFile(edge.configPath, `${written}# ${maxVersion}\n`)
    expect(await edge.gateway.reload()).toMatchObject({ changed: true })
    expect(await ask(edge.port, { ...options, ...(session && { session }) })).toMatchObject({ reused: true })
  })

  test('a client that wants to negotiate anew is refused', async () => {
    const error = await new Promise((resolve) => {
      const socket = tls.connect({
        host: '127.0.0.1',
        port: edge.port,
        rejectUnauthorized: false,
        maxVersion: 'TLSv1.2',
      })
      socket.on('secureConnect', () => socket.renegotiate({}, (refusal) => resolve(refusal ?? 'done')))
      socket.on('error', ({ code }: NodeJS.ErrnoException) => resolve(code))
    })
    expect(error).toBe('ERR_SSL_NO_RENEGOTIATION')
  })

  test('the pin is Secure and bound to the host, and the backend hears of https', async () => {
    const { text } = await ask(edge.port)
    expect(text).toMatch(
      /\r\nset-cookie: __Host-graylane=[^;]+; Path=\/; Max-Age=\d+; HttpOnly; Priority=High; SameSite=Lax; Secure\r\n/,
    )
    const { fields } = JSON.parse(text.slice(text.indexOf('{'))) as Echo
    expect(fields).toContainEqual(['x-forwarded-proto', 'https'])
  })

  test('metrics tell when each certificate expires, to the second', async () => {
    const listener = '127.0.0.1-0'
    for (const certificate of ['a.pem', 'b.pem', 'c.pem']) {
      const { validTo } = new X509Certificate(await readFile(join(edge.directory, certificate)))
      expect(await edge.metric('graylane_tls_certificate_expiry_timestamp_seconds', { listener, certificate })).toBe(
        Date.parse(validTo) / 1000,
      )
    }
  })

  test('neither certificates nor keys are shown with the configuration', async () => {
    const shown = JSON.stringify(configurationJson(edge.gateway.configuration()))
    expect(shown).toContain('"file":"a.pem"')
    expect(shown).not.toMatch(/secret|chain|BEGIN|PRIVATE/)
  })

  describe('connections that never get to speak HTTP', () => {
    test.each([
      { sent: 'a record of nonsense', bytes: '\x16\x03\x01\x00\x05hello' },
      { sent: 'records of no bytes', bytes: '\x16\x03\x01\x00\x00'.repeat(40) },
      { sent: 'a record longer than any', bytes: `\x16\x03\x01\xff\xff${'x'.repeat(65_535)}` },
      { sent: 'data before the handshake', bytes: '\x17\x03\x03\x00\x05hello' },
    ])('$sent ends that connection and is counted', async ({ bytes }) => {
      const before = (await edge.metric(failures, { reason: 'error' })) ?? 0
      expect(await sendBytes(edge.port, bytes)).not.toContain('HTTP')
      await until(async () => (await edge.metric(failures, { reason: 'error' })) === before + 1, 'counted')
    })

    test.each('GET HEAD POST PUT CONNECT DELETE OPTIONS PATCH PROPFIND'.split(' '))(
      'plain HTTP by %s is told so, and counted',
      async (method) => {
        const before = (await edge.metric(failures, { reason: 'error' })) ?? 0
        const answer = await sendBytes(edge.port, `${method} / HTTP/1.1\r\nHost: a\r\n\r\n`)
        expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n[^]*\r\nconnection: close\r\n[^]*EDGE_PLAIN_HTTP/)
        await until(async () => (await edge.metric(failures, { reason: 'error' })) === before + 1, 'counted')
        await until(async () => (await edge.metric('graylane_connections_open')) === 0, 'closed')
      },
    )

    test('noise is told so too', async () => {
      expect(await sendBytes(edge.port, '\x00\xff\x80'.repeat(5000))).toMatch(/^HTTP\/1\.1 400 /)
    })

    test.each([
      { what: 'plain HTTP', bytes: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' },
      { what: 'a record of no version', bytes: '\x17\x05\x05\x00\x05hello' },
    ])('$what behind the first message of a handshake gets no bytes but those of TLS', async ({ bytes }) => {
      const answer = await sendBytes(edge.port, `${await clientHello()}${bytes}`)
      expect(answer.slice(0, 3)).toBe('\x16\x03\x03')
      expect(answer).not.toContain('HTTP')
    })

    test('two hundred half-open handshakes hold up nobody, and end after headTimeout', async () => {
      const before = (await edge.metric(failures, { reason: 'closed' })) ?? 0
      const sockets = Array.from({ length: 200 }, (_, i) => {
        const socket = net.connect(edge.port, '127.0.0.1')
        if (i % 2 === 0) socket.write('\x16\x03\x01\x02\x00\x01', 'latin1')
        return socket.on('error', () => {})
      })
      const closed = Promise.all(sockets.map((socket) => new Promise((resolve) => socket.on('close', resolve))))
      await until(async () => ((await edge.metric('graylane_connections_open')) ?? 0) >= 200, 'counted as open')
      expect((await ask(edge.port)).text).toMatch(/^HTTP\/1.1 200 /)
      await closed
      // At least: a client of another test may have been as slow.
      await until(async () => ((await edge.metric(failures, { reason: 'closed' })) ?? 0) >= before + 200, 'counted')
      await until(async () => (await edge.metric('graylane_connections_open')) === 0, 'gone')
    })

    test('a client that leaves in the middle of a handshake is counted as such', async () => {
      const before = (await edge.metric(failures, { reason: 'left' })) ?? 0
      net.connect(edge.port, '127.0.0.1').end('\x16\x03\x01\x02\x00\x01', 'latin1')
      await until(async () => (await edge.metric(failures, { reason: 'left' })) === before + 1, 'counted')
    })
  })

  describe('what a reload does', () => {
    let reloading: SecureGateway
    let slow: { readonly url: string; readonly finish: () => void; close(): void }

    beforeAll(async () => {
      reloading = await SecureGateway.prepare()
      slow = await startSlowBackend()
      await reloading.authority.issue({ file: 'site', names: 'DNS:a.test' })
      await reloading.write(`{ port: 0, address: 127.0.0.1, tls: { cert: site.pem, key: site.key } }`, slow.url)
      await reloading.start(true)
    })

    afterAll(async () => {
      slow?.close()
      await reloading?.[Symbol.asyncDispose]()
    })

    test('new handshakes get the new certificate while a download under the old one goes on to its end', async () => {
      const { directory, authority, port, gateway } = reloading
      const download = ask(port)
      await until(async () => (await reloading.metric('graylane_requests_active')) === 1, 'the download runs')
      const site = { cert: join(directory, 'site.pem'), key: join(directory, 'site.key') }
      const old = gateway.lastReload().snapshot
      await replacePair(site, await authority.issue({ file: 'renewed', names: 'DNS:a.test' }))
      await until(() => gateway.lastReload().snapshot !== old, 'the change is noticed')
      const later = ask(port)
      slow.finish()
      expect((await later).certificate).toBe('renewed')
      const { certificate, error, text } = await download
      expect({ certificate, error, bytes: text.split('\r\n\r\n')[1]!.length }).toEqual({
        certificate: 'site',
        error: undefined,
        bytes: 2_000_000,
      })
    })

    test('a key that is not the certificate’s is refused with its place, and the old pair goes on serving', async () => {
      const { directory, authority, gateway, port, lines } = reloading
      const failed = 'graylane_config_reload_failures_total'
      const other = await authority.issue({ file: 'other', names: 'DNS:a.test' })
      const before = (await reloading.metric(failed))!
      const good = await readFile(join(directory, 'site.key'))
      await rename(other.key, join(directory, 'site.key'))
      await until(async () => (await reloading.metric(failed))! > before, 'the change is refused')
      const message = 'site.key is not the key of the certificate in site.pem'
      expect(lines.at(-1)).toBe(`${reloading.configPath}:1:69: error certificate: ${message}`)
      expect((await ask(port)).certificate).toBe('renewed')
      await writeFile(join(directory, 'site.key'), good)
      expect(await gateway.reload()).toMatchObject({ ok: true })
    })
  })

  test('a reload puts TLS on a port and takes it off again', async () => {
    await using moving = await SecureGateway.prepare()
    await moving.authority.issue({ file: 'site', names: '' })
    await moving.write('{ port: 0, address: 127.0.0.1 }', backend.url)
    await moving.start()
    const { port } = moving
    const plain = async (): Promise<number> => {
      const lines = ['GET / HTTP/1.1', 'Host: a.test', 'Connection: close']
      return (await sendRaw({ host: '127.0.0.1', port, from: '127.0.0.1' }, lines)).status
    }
    expect(await plain()).toBe(200)
    await moving.write('{ port: 0, address: 127.0.0.1, tls: { cert: site.pem, key: site.key } }', backend.url)
    await moving.gateway.reload()
    expect(moving.gateway.listeners()).toMatchObject([{ port, secure: true }])
    expect((await ask(port)).certificate).toBe('site')
    expect(await plain()).toBe(400)
    await moving.write('{ port: 0, address: 127.0.0.1 }', backend.url)
    await moving.gateway.reload()
    expect(await plain()).toBe(200)
  })

  test('a connection counts from accept on: the one too many is closed without a handshake', async () => {
    await using narrow = await SecureGateway.prepare()
    await narrow.authority.issue({ file: 'site', names: '' })
    const listen = '{ port: 0, address: 127.0.0.1, tls: { cert: site.pem, key: site.key } }'
    await narrow.write(listen, backend.url, 'limits: { connectionsPerAddress: 2 }\n')
    await narrow.start()
    const held = [net.connect(narrow.port, '127.0.0.1'), net.connect(narrow.port, '127.0.0.1')]
    await until(async () => (await narrow.metric('graylane_connections_open')) === 2, 'both are open')
    expect(await ask(narrow.port)).toMatchObject({ certificate: undefined, error: 'ECONNRESET', text: '' })
    for (const socket of held) socket.destroy()
    await until(async () => (await narrow.metric('graylane_connections_open')) === 0, 'both are gone')
    expect((await ask(narrow.port)).certificate).toBe('site')
  })

  test('plain HTTP beside it sends browsers to https', async () => {
    await using both = await SecureGateway.prepare()
    await both.authority.issue({ file: 'site', names: '' })
    await writeFile(
      both.configPath,
      `listen: [{ port: 0, address: 127.0.0.1, tls: { cert: site.pem, key: site.key } }, { port: 0, address: 127.0.0.1 }]
services:
  to-https: { match: [{ scheme: { exact: http } }], redirect: { scheme: https, redirectCode: 308 } }
  app: {}
versions: { v1: { app: "${backend.url}", to-https: "${backend.url}" } }
stable: v1
accessLog: off
`,
    )
    await both.start()
    const { port } = both.gateway.listeners()[1]!
    const lines = ['GET /x?y HTTP/1.1', 'Host: a.test', 'Connection: close']
    const answer = await sendRaw({ host: '127.0.0.1', port, from: '127.0.0.1' }, lines)
    expect(answer.status).toBe(308)
    expect(answer.fields).toContainEqual(['location', 'https://a.test/x?y'])
    expect((await ask(both.port)).text).toMatch(/^HTTP\/1.1 200 /)
  })
})

/** Answers 2 MB; the second half waits for `finish`, and from then on waits no more. */
async function startSlowBackend(): Promise<{ readonly url: string; readonly finish: () => void; close(): void }> {
  const { promise, resolve: finish } = Promise.withResolvers<void>()
  const server = createServer(async (_request, response) => {
    response.setHeader('content-length', 2_000_000)
    response.write(Buffer.alloc(1_000_000, 'x'))
    await promise
    response.end(Buffer.alloc(1_000_000, 'y'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  return { url: `http://127.0.0.1:${port}`, finish, close: () => void server.close().closeAllConnections() }
}
