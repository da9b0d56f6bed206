import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request as httpRequest, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

import { graylane, ServingProcess } from '../cli/graylane-process.ts'
import { twoSubsets } from './two-subsets.ts'

const examples = resolve(import.meta.dirname, '../../examples/istio')
const folder = mkdtempSync(join(tmpdir(), 'graylane-istio-'))
const servers: Server[] = []
let serving: ServingProcess | undefined

afterEach(async () => {
  await serving?.kill()
  serving = undefined
})
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))))
})

interface Answer {
  readonly status: number
  readonly user: string | undefined
  readonly body: string
}

function get(at: string, host: string, path = '/', headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const [address, port] = at.split(':') as [string, string]
  return new Promise((done, failed) => {
    const options = { host: address, port: Number(port), path, agent: false }
    httpRequest({ ...options, headers: { host, ...headers } }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (part: string) => (body += part))
      response.on('end', () =>
        done({ status: response.statusCode ?? 0, user: response.headers['user'] as string, body }),
      )
    })
      .on('error', failed)
      .end()
  })
}

async function listen(handle: Parameters<typeof createServer>[1]): Promise<number> {
  const server = createServer(handle)
  servers.push(server)
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return (server.address() as AddressInfo).port
}

/** Ports by which the process says that it listens, in the order of its listeners. */
function ports({ err }: ServingProcess): readonly number[] {
  return [...err.matchAll(/listening on http:\/\/\S+?:(\d+)(?:,|$)/gm)].map((found) => Number(found[1]))
}

describe("the story's manifests, corrected", () => {
  const versions = ['v1', 'v2', 'v3'] as const
  const insides = new Map<string, number>()
  const resolves: string[] = []

  beforeAll(async () => {
    for (const version of versions) {
      const backend = await listen((_, response) => response.end(`backend ${version}`))
      resolves.push('--resolve', `mqtt-server-${version}:8000=127.0.0.1:${backend}`)
      // A frontend asks its own sidecar for the backend, as it would in the mesh: it knows nothing of versions.
      const frontend = await listen((_, response) => {
        void get(`127.0.0.1:${insides.get(version)}`, 'mqtt-server:8000', '/devices').then(({ body, user }) =>
          response.end(`frontend ${version}, ${body}, user ${user}`),
        )
      })
      const name = version === 'v1' ? 'frontend' : `frontend-${version}`
      resolves.push('--resolve', `${name}:80=127.0.0.1:${frontend}`)
    }
  })

  async function start(...args: readonly string[]): Promise<string> {
    const internal = versions.flatMap((version) => ['--internal', `0=8000,app=frontend,version=${version}`])
    serving = await ServingProcess.start(examples, ['--port', '80=0', ...resolves, ...internal, ...args])
    const [gateway, ...inside] = ports(serving)
    for (const [index, version] of versions.entries()) insides.set(version, inside[index] as number)
    return `127.0.0.1:${gateway}`
  }

  it('are shown by status: the versions that were seen, by namespace', { timeout: 20_000 }, async () => {
    const gateway = await start()
    await get(gateway, 'shop.example.com', '/', office)
    const { admin } = serving!
    await expect
      .poll(async () => (await graylane(['status', '--admin', admin])).out, { timeout: 15_000, interval: 500 })
      .toMatch(/\n +namespace +version +requests\/s +errors [^]*\n +default +v2 +\d\.\d +0\.0 % /)
  })

  it('say so when --port names a port that no Gateway has', async () => {
    await start('--port', '81=0')
    expect(serving?.err).toContain('warning listen: --port 81=0: no Gateway has a server at port 81, but at 80')
  })

  const office = { 'x-forwarded-for': '192.168.0.58' }
  const others = { 'x-forwarded-for': '192.168.0.59' }

  it.each([[[]], [['--workers', '2']]])('show its three situations, %j', async (args) => {
    const gateway = await start(...args)
    const page = async (headers: Record<string, string>): Promise<string> =>
      (await get(gateway, 'shop.example.com', '/', headers)).body
    expect(await page(others)).toBe('frontend v1, backend v1, user v1')
    expect(await page(office)).toBe('frontend v2, backend v2, user v2')
    const both = await Promise.all(Array.from({ length: 60 }, (_, i) => page(i % 2 === 0 ? office : others)))
    expect(both.filter((body) => body === 'frontend v2, backend v2, user v2')).toHaveLength(30)
    expect(both.filter((body) => body === 'frontend v1, backend v1, user v1')).toHaveLength(30)
  })

  it('give each caller inside its own version, and v1 to those that have none', async () => {
    await start()
    for (const version of versions) {
      expect(await get(`127.0.0.1:${insides.get(version)}`, 'mqtt-server')).toMatchObject({
        body: `backend ${version}`,
        user: version,
      })
    }
    expect((await get(`127.0.0.1:${insides.get('v1')}`, 'unheard-of')).status).toBe(502)
  })

  it('do not let a client claim an address that the load balancer did not say', async () => {
    const gateway = await start()
    const claims = { 'x-forwarded-for': '192.168.0.58, 10.1.2.3', 'x-envoy-external-address': '192.168.0.58' }
    expect((await get(gateway, 'shop.example.com', '/', claims)).body).toContain('frontend v1')
  })

  it('answer 404 to hosts that no VirtualService has', async () => {
    const gateway = await start()
    expect(await get(gateway, 'other.example.com')).toEqual({ status: 404, user: undefined, body: '' })
  })
})

describe('serve on manifests', () => {
  const route = (subset: string): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: front}
spec:
  hosts: ["*"]
  gateways: [edge]
  http:
  - route: [{destination: {host: front, subset: ${subset}}}]
`
  let directory = ''
  beforeAll(async () => {
    directory = mkdtempSync(join(folder, 'd-'))
    const one = await listen((_, response) => response.end('v1'))
    const two = await listen((_, response) => response.end('v2'))
    writeFileSync(join(directory, 'mesh.yaml'), twoSubsets(80, [one, two]))
    writeFileSync(join(directory, 'routes.yaml'), route('v1'))
  })

  async function comesTo(gateway: string, body: string): Promise<void> {
    for (const end = Date.now() + 4000; Date.now() < end;) {
      if ((await get(gateway, 'a.test')).body === body) return
      await new Promise((later) => setTimeout(later, 50))
    }
    expect((await get(gateway, 'a.test')).body).toBe(body)
  }

  it('follows a directory: a file that changes, one that comes, one that goes', async () => {
    const own = mkdtempSync(join(folder, 'd-'))
    cpSync(directory, own, { recursive: true })
    serving = await ServingProcess.start(own, ['--port', '80=0'])
    const gateway = `127.0.0.1:${ports(serving)[0]}`
    await comesTo(gateway, 'v1')
    writeFileSync(join(own, 'routes.yaml'), route('v2'))
    await comesTo(gateway, 'v2')
    writeFileSync(join(own, 'more.yaml'), route('v1').replace('name: front', 'name: a-first'))
    await comesTo(gateway, 'v1')
    rmSync(join(own, 'more.yaml'))
    await comesTo(gateway, 'v2')
  })

  it.each([
    ['is no YAML', 'a: [', /error yaml/],
    [
      'Istio would refuse',
      route('v2').replace('  - route', '  - timeout: 0s\n    route'),
      /routes\.yaml:8:\d+: error IST0106: duration must be greater/,
    ],
  ])('keeps what is in force when a file %s', async (_, bad, said) => {
    const own = mkdtempSync(join(folder, 'd-'))
    cpSync(directory, own, { recursive: true })
    serving = await ServingProcess.start(own, ['--port', '80=0'])
    const gateway = `127.0.0.1:${ports(serving)[0]}`
    writeFileSync(join(own, 'routes.yaml'), bad)
    await serving.says(/configuration refused/)
    await serving.says(said)
    expect((await get(gateway, 'a.test')).body).toBe('v1')
  })

  it('starts without what Istio would refuse, and says so', async () => {
    const own = mkdtempSync(join(folder, 'd-'))
    cpSync(directory, own, { recursive: true })
    writeFileSync(
      join(own, 'bad.yaml'),
      route('v2').replace('name: front', 'name: bad').replace('subset: v2', 'subset: V_2!'),
    )
    serving = await ServingProcess.start(own, ['--port', '80=0'])
    expect(serving.err).toMatch(/bad\.yaml:\d+:\d+: error IST0106: subset name is invalid: V_2!/)
    expect((await get(`127.0.0.1:${ports(serving)[0]}`, 'a.test')).body).toBe('v1')
  })

  it('says what it does not honour', async () => {
    const own = mkdtempSync(join(folder, 'd-'))
    cpSync(directory, own, { recursive: true })
    writeFileSync(
      join(own, 'filter.yaml'),
      'apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: f}\nspec: {}\n',
    )
    serving = await ServingProcess.start(own, ['--port', '80=0'])
    expect(serving.err).toMatch(/filter\.yaml:1:1: warning not-honoured: EnvoyFilter default\/f/)
  })

  it.each([
    [['--port', '80'], /--port wants FROM=TO/],
    [['--port', '80=80800'], /--port wants FROM=TO/],
    [['--resolve', '10.0.0.1=127.0.0.1:80'], /--resolve wants/],
    [['--port', '80=8080', '--port', '80=8081'], /--port: 80 goes to 8080 and to 8081: which one\?/],
    [['--resolve', 'a:80=b:1', '--resolve', 'a:80=b:2'], /--resolve: a:80 goes to b:1 and to b:2: which one\?/],
    [['--internal', '15001'], /--internal wants/],
    [['--internal', '15001=80,version'], /is no label=value/],
  ])('refuses %j', async (args, said) => {
    const { code, err } = await graylane(['serve', '--config', directory, ...args])
    expect(code).toBe(2)
    expect(err).toMatch(said)
  })

  it('says that a port is its own where two listeners ask for it', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const { port } = holder.address() as AddressInfo
    await once(holder.close(), 'close')
    const both = ['--port', `80=${port}`, '--internal', `${port}=80`, '--admin', '127.0.0.1:0']
    const { code, err } = await graylane(['serve', '--config', directory, ...both])
    expect([code, err]).toEqual([
      1,
      expect.stringContaining(`port ${port} is bound by this gateway at another address`),
    ])
  })

  it('needs a port to serve', async () => {
    const file = join(folder, 'alone.yaml')
    writeFileSync(file, readFileSync(join(directory, 'routes.yaml')))
    const { code, err } = await graylane(['serve', '--config', file])
    expect(code).toBe(1)
    expect(err).toMatch(/no Gateway opens a port/)
  })
})
