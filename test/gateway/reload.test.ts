import { once } from 'node:events'
import { writeFile, rm } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { formatProblem } from '../../src/config/load.ts'
import { writeByRename, writeConfigMap, writeInPlace } from '../support/rewrite-file.ts'
import { comesTo, poolsOf, ReloadableGateway, type Urls } from './reloadable-gateway.ts'

/** Everybody here is 127.0.0.1: the rule decides for all. */
function routes(urls: Urls, gray: string, more = ''): string {
  return `name: shop
listen: [{ port: 0, address: 127.0.0.1 }]
services: { api: /api/, frontend: }
${poolsOf(urls)}
stable: v1
gray:
  - ${gray}
identity: [cookies.user, clientIp]
pin: { keys: [{ file: pin.key }] }
accessLog: off
${more}`
}

const everybody = (version: string): string => `{ name: everybody, version: ${version}, ip: [127.0.0.1] }`
const listed = (file: string): string => `{ name: listed, version: v2, users: { file: ${file} } }`
const asAnna = 'Cookie: user=anna'

const askingForWebsocket = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]

type Write = (directory: string, name: string, text: string, n: number) => Promise<void>

describe.concurrent('a new rule is in force soon', () => {
  test.each<[string, Write]>([
    ['in place', writeInPlace],
    ['by rename', writeByRename],
    ['as a ConfigMap', writeConfigMap],
  ])('when routes.yaml is written %s', async (_, write) => {
    await using under = await ReloadableGateway.start((directory, urls) =>
      write(directory, 'routes.yaml', routes(urls, everybody('v1')), 0),
    )
    for (const [n, version] of ['v2', 'v3', 'v1'].entries()) {
      await write(under.directory, 'routes.yaml', routes(under.urls, everybody(version)), n + 1)
      await under.becomes(version)
      await comesTo(() => under.gateway.lastReload().ok && under.gateway.lastReload().changed, true)
    }
    expect(await under.reloads()).toEqual({ done: 3, failed: 0 })
    expect(under.lines).toContain(`configuration ${under.gateway.lastReload().snapshot} is in force`)
  })

  test.each<[string, Write]>([
    ['in place', writeInPlace],
    ['by rename', writeByRename],
  ])('when a list that it names is written %s', async (_, write) => {
    await using under = await ReloadableGateway.start(async (directory, urls) => {
      await writeFile(join(directory, 'users.txt'), 'bert\n')
      await writeInPlace(directory, 'routes.yaml', routes(urls, listed('users.txt')))
    })
    expect(await under.versionOf(asAnna)).toBe('v1')
    await write(under.directory, 'users.txt', 'bert\nanna\n', 1)
    await under.becomes('v2', asAnna)
    await write(under.directory, 'users.txt', 'bert\n', 2)
    await under.becomes('v1', asAnna)
  })

  test('when a list is written that only a later routes.yaml names', async () => {
    await using under = await ReloadableGateway.start(async (directory, urls) => {
      await writeFile(join(directory, 'users.txt'), 'bert\n')
      await writeInPlace(directory, 'routes.yaml', routes(urls, everybody('v3')))
    })
    await writeByRename(under.directory, 'routes.yaml', routes(under.urls, listed('users.txt')))
    await under.becomes('v1', asAnna)
    await writeByRename(under.directory, 'users.txt', 'anna\n')
    await under.becomes('v2', asAnna)
  })

  test('when a list that was missing is there at last', async () => {
    await using under = await startSimple()
    await writeByRename(under.directory, 'routes.yaml', routes(under.urls, listed('later.txt')))
    await comesTo(() => under.gateway.lastReload().ok, false)
    expect(await under.versionOf(asAnna)).toBe('v3')
    await writeInPlace(under.directory, 'later.txt', 'anna\n')
    await under.becomes('v2', asAnna)
    expect(under.gateway.lastReload()).toMatchObject({ ok: true, changed: true, problems: [] })
  })
})

test('the same content again is no reload', async () => {
  await using under = await startSimple()
  const before = under.gateway.lastReload().snapshot
  await writeByRename(under.directory, 'routes.yaml', routes(under.urls, everybody('v3')))
  expect(await under.gateway.reload()).toMatchObject({ ok: true, changed: false, snapshot: before })
  expect(await under.reloads()).toEqual({ done: 0, failed: 0 })
})

interface BadFile {
  readonly says: string
  /** `@@` marks the place that the problem has to name; without one it is the file as a whole, 1:1. */
  readonly text: (urls: Urls) => string
  readonly message: RegExp
}

const badFiles: readonly BadFile[] = [
  {
    says: 'names a version that is not listed',
    text: (urls) => routes(urls, '{ name: everybody, version: @@v9, ip: [127.0.0.1] }'),
    message: /v9/,
  },
  {
    says: 'has a key that nobody knows',
    text: (urls) => routes(urls, everybody('v2'), '@@drainign: [v1]\n'),
    message: /draining/,
  },
  {
    says: 'names a list that is missing',
    text: (urls) => routes(urls, listed('@@nobody.txt')),
    message: /no such file/,
  },
  {
    says: 'writes a share without its unit',
    text: (urls) => routes(urls, '{ version: v2, share: @@5 }'),
    message: /5%/,
  },
  { says: 'says a key twice', text: (urls) => routes(urls, everybody('v2'), '@@stable: v2\n'), message: /stable/ },
  { says: 'is empty', text: () => '', message: /empty/ },
]

describe.concurrent('a file changes nothing and says why', () => {
  test.each(badFiles)('when it $says', async ({ text, message }) => {
    await using under = await startSimple()
    const before = under.gateway.lastReload().snapshot
    const marked = text(under.urls)
    await writeByRename(under.directory, 'routes.yaml', marked.replace('@@', ''))
    await comesTo(() => under.gateway.lastReload().ok, false)

    const { changed, snapshot, problems } = under.gateway.lastReload()
    expect({ changed, snapshot }).toEqual({ changed: false, snapshot: before })
    const lines = marked.slice(0, Math.max(0, marked.indexOf('@@'))).split('\n')
    const [problem] = problems
    expect(problem).toMatchObject({
      file: under.configPath,
      line: lines.length,
      column: lines.at(-1)!.length + 1,
      severity: 'error',
      message: expect.stringMatching(message) as string,
    })
    expect(under.lines).toContain(`configuration refused, ${before} stays in force`)
    expect(under.lines).toContain(formatProblem(problem!))
    expect(await under.reloads()).toEqual({ done: 0, failed: 1 })
    expect(await under.versionOf()).toBe('v3')

    await writeByRename(under.directory, 'routes.yaml', routes(under.urls, everybody('v2')))
    await under.becomes('v2')
    expect(under.gateway.lastReload()).toMatchObject({ ok: true, problems: [] })
    expect(await under.reloads()).toEqual({ done: 1, failed: 1 })
  })

  test('when it is gone', async () => {
    await using under = await startSimple()
    await rm(under.configPath)
    await comesTo(() => under.gateway.lastReload().ok, false)
    expect(under.gateway.lastReload().problems).toMatchObject([
      { file: under.configPath, line: 1, column: 1, severity: 'error' },
    ])
    expect(await under.reloads()).toEqual({ done: 0, failed: 1 })
    expect(await under.versionOf()).toBe('v3')
    await writeInPlace(under.directory, 'routes.yaml', routes(under.urls, everybody('v2')))
    await under.becomes('v2')
  })

  test('when a port that it wants is taken: ports that it could have are given back', async () => {
    await using under = await startSimple()
    const before = under.gateway.listeners()
    const taken = new URL(under.urls('api', 'v1')).port
    const text = routes(under.urls, everybody('v2')).replace(
      'listen: [',
      `listen: [{ port: 0, address: 127.0.0.2 }, { port: ${taken}, address: 127.0.0.1 }, `,
    )
    await writeByRename(under.directory, 'routes.yaml', text)
    await comesTo(() => under.gateway.lastReload().ok, false)
    expect(under.gateway.lastReload().problems).toMatchObject([
      { file: under.configPath, severity: 'error', message: expect.stringContaining(taken) as string },
    ])
    expect(under.gateway.listeners()).toEqual(before)
    expect(await under.versionOf()).toBe('v3')
  })
})

describe('what is open when the rule changes', () => {
  test('finishes on the version it began with: a streamed answer, a slow upload, a tunnel', async () => {
    await using slow = await SlowBackend.start()
    await using under = await ReloadableGateway.start((directory, urls) =>
      writeInPlace(directory, 'routes.yaml', onlySlow(urls, slow.url)),
    )
    const stream = await Client.open(under.port, 'GET /stream HTTP/1.1', 'Accept: text/html')
    await stream.receives('slow begin')
    const upload = await Client.open(under.port, 'POST /upload HTTP/1.1', 'Content-Length: 200000')
    upload.send('u'.repeat(100_000))
    const tunnel = await Client.open(under.port, 'GET /tunnel HTTP/1.1', ...askingForWebsocket)
    await tunnel.receives('101 Switching Protocols')
    await comesTo(() => slow.uploaded, 100_000)

    for (const version of ['v2', 'v3']) {
      await writeByRename(under.directory, 'routes.yaml', withoutSlow(under.urls, version))
      await under.becomes(version)
    }
    tunnel.send('still here?')
    await tunnel.receives('still here?')
    upload.send('v'.repeat(100_000))
    await upload.receives('slow took 200000 bytes')
    slow.endStreams()
    await stream.receives('slow end')
    expect(stream.received).toContain('x-version: slow')
    const body = stream.received.replaceAll(/\r\n[0-9a-f]+\r\n/g, '')
    expect(body.match(/s{1000}\n/g), 'the whole body').toHaveLength(SlowBackend.pieces)

    for (const client of [stream, upload]) {
      client.received = ''
      client.send('GET /again HTTP/1.1\r\nHost: shop.test\r\nAccept: text/html\r\n\r\n')
      await client.receives('"version":"v3"')
    }
    for (const client of [stream, upload, tunnel]) client.close()
  })

  test('finishes too when its listener is gone, which takes no more connections', async () => {
    await using slow = await SlowBackend.start()
    const listen = (address: string): [string, string] => ['listen: [', `listen: [{ port: 0, address: ${address} }, `]
    await using under = await ReloadableGateway.start((directory, urls) =>
      writeInPlace(directory, 'routes.yaml', onlySlow(urls, slow.url).replace(...listen('127.0.0.2'))),
    )
    const { address, port } = under.gateway.listeners().find((listener) => listener.address === '127.0.0.2')!
    const stream = await Client.open(port, 'GET /stream HTTP/1.1', 'Accept: text/html', address)
    await stream.receives('slow begin')
    const others = withoutSlow(under.urls, 'v2').replace(...listen('127.0.0.3'))
    await writeByRename(under.directory, 'routes.yaml', others)
    await comesTo(
      () =>
        under.gateway
          .listeners()
          .map((listener) => listener.address)
          .toSorted()
          .join(),
      '127.0.0.1,127.0.0.3',
    )
    await expect(Client.open(port, 'GET / HTTP/1.1', 'Accept: text/html', address)).rejects.toThrow('ECONNREFUSED')
    slow.endStreams()
    await stream.receives('slow end')
    stream.close()
  })
})

function startSimple(): Promise<ReloadableGateway> {
  return ReloadableGateway.start((directory, urls) =>
    writeInPlace(directory, 'routes.yaml', routes(urls, everybody('v3'))),
  )
}

function onlySlow(urls: Urls, slow: string): string {
  return routes(urls, everybody('slow')).replace(
    'stable: v1',
    `  slow: { frontend: "${slow}", api: "${slow}" }\nstable: v1`,
  )
}

/** Where `slow` is no version any more. */
function withoutSlow(urls: Urls, version: string): string {
  return routes(urls, everybody(version))
}

/** Streams until it is told to end, counts what is uploaded, echoes in tunnels. */
class SlowBackend implements AsyncDisposable {
  static readonly pieces = 3000
  uploaded = 0
  readonly #streams: ServerResponse[] = []
  readonly #server = createServer((request, response) => {
    if (request.url === '/stream') {
      this.#streams.push(response)
      response.write('slow begin\n')
      return
    }
    if (request.url === '/') return void response.end('{"version":"slow"}')
    request.on('data', (piece: Buffer) => void (this.uploaded += piece.length))
    request.on('end', () => response.end(`slow took ${this.uploaded} bytes`))
  })

  static async start(): Promise<SlowBackend> {
    const backend = new SlowBackend()
    backend.#server.on('upgrade', (_, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
      socket.on('error', () => {}).pipe(socket)
    })
    backend.#server.listen(0, '127.0.0.1')
    await once(backend.#server, 'listening')
    return backend
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  endStreams(): void {
    for (const stream of this.#streams) {
      for (let i = 0; i < SlowBackend.pieces; i++) stream.write(`${'s'.repeat(1000)}\n`)
      stream.end('slow end\n')
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

/** One connection, kept: what is sent and what came, as bytes. */
class Client {
  received = ''
  readonly #socket: Socket

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1').on('data', (text: string) => void (this.received += text))
    socket.on('error', () => {})
  }

  static async open(port: number, requestLine: string, ...lines: readonly string[]): Promise<Client> {
    const fields = lines.filter((line) => line.includes(':'))
    const host = lines.find((line) => !line.includes(':')) ?? '127.0.0.1'
    const socket = connect({ host, port })
    await once(socket, 'connect')
    const client = new Client(socket)
    client.send([requestLine, 'Host: shop.test', ...fields, '', ''].join('\r\n'))
    return client
  }

  send(text: string): void {
    this.#socket.write(text, 'latin1')
  }

  async receives(text: string): Promise<void> {
    await comesTo(() => this.received.includes(text), true).catch((error: Error) => {
      throw new Error(`${text} did not come, but ${JSON.stringify(this.received.slice(-500))}`, { cause: error })
    })
  }

  close(): void {
    this.#socket.destroy()
  }
}
