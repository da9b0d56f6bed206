import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { rawRequest } from '../admin/raw-request.ts'
import { graylane, ServingProcess } from '../cli/graylane-process.ts'
import { type EchoBackend, startEchoBackend } from '../support/echo-backend.ts'
import { Authority, withoutOpenssl } from '../tls/authority.ts'
import { twoSubsets } from './two-subsets.ts'

const root = mkdtempSync(join(tmpdir(), 'graylane-listed-'))
let folder = ''
let backends: EchoBackend[]
let serving: ServingProcess | undefined

beforeAll(async () => {
  backends = await Promise.all([startEchoBackend('front', 'v1'), startEchoBackend('front', 'v2')])
})
const portOf = (index: number): number => Number(new URL(backends[index]!.url).port)
const mesh = (): string => twoSubsets(8000, [portOf(0), portOf(1)])

beforeEach(() => {
  folder = mkdtempSync(join(root, 'd-'))
  mkdirSync(join(folder, 'manifests'))
  writeFileSync(join(folder, 'manifests/mesh.yaml'), mesh())
  writeFileSync(join(folder, 'rules.yaml'), rules('192.168.0.58'))
})
afterEach(async () => {
  await serving?.kill()
  serving = undefined
})
afterAll(async () => {
  rmSync(root, { recursive: true })
  await Promise.all(backends.map((backend) => backend.close()))
})

/** At the edge v2 is for one address, inside for callers of v2 in the namespace shop. */
function rules(address: string): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: front}
spec:
  hosts: ["*"]
  gateways: [edge]
  http:
  - match: [{headers: {x-envoy-external-address: {exact: ${address}}}}]
    route: [{destination: {host: front, subset: v2}}]
  - route: [{destination: {host: front, subset: v1}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: inside}
spec:
  hosts: [front.default.svc.cluster.local]
  http:
  - match: [{sourceLabels: {version: v2}, sourceNamespace: shop}]
    route: [{destination: {host: front, subset: v2}}]
  - route: [{destination: {host: front, subset: v1}}]
`
}

const listed = `listen:
  - { port: 0, address: 127.0.0.1, gateway: 80 }
  - { port: 0, internal: true, servicePort: 8000, sourceNamespace: shop, sourceLabels: { version: v2 } }
  - { port: 0, internal: true, servicePort: 8000, sourceLabels: { version: v2 } }
trust: { hops: 1 }
istio: [manifests, rules.yaml]
accessLog: off
`

function write(yaml: string): string {
  const path = join(folder, 'routes.yaml')
  writeFileSync(path, yaml)
  return path
}

async function start(yaml: string, ...args: readonly string[]): Promise<readonly string[]> {
  serving = await ServingProcess.start(write(yaml), args)
  return [...serving.err.matchAll(/listening on http:\/\/([^\s,]+)/g)].map(([, at]) => at as string)
}

async function versionAt(address: string, host: string, from = '10.0.0.1'): Promise<string> {
  const fields = [`Host: ${host}`, `X-Forwarded-For: ${from}`, 'Connection: close']
  const { status, body } = await rawRequest(address, { target: '/', fields })
  return status === 200 ? (JSON.parse(body) as { version: string }).version : String(status)
}

const office = '192.168.0.58'
const service = 'front.default.svc.cluster.local:8000'

describe('routes.yaml that lists manifests', () => {
  it.each([[[]], [['--workers', '2']]])(
    'serves a Gateway at its edge listener and sidecars at the internal ones, %j',
    async (args) => {
      const [edge, shop, other] = (await start(listed, ...args)) as [string, string, string]
      expect(await versionAt(edge, 'a.test')).toBe('v1')
      expect(await versionAt(edge, 'a.test', office)).toBe('v2')
      expect(await versionAt(edge, 'a.test', `${office}, 10.1.2.3`)).toBe('v1')
      expect(await versionAt(shop, service)).toBe('v2')
      expect(await versionAt(other, service)).toBe('v1')
    },
  )

  it('trusts nobody unless it says so', async () => {
    const [edge] = (await start(listed.replace('trust: { hops: 1 }\n', ''))) as [string]
    expect(await versionAt(edge, 'a.test', office)).toBe('v1')
  })

  it('serves the Gateway server of its own port where it names none', async () => {
    const manifests = join(folder, 'manifests/mesh.yaml')
    const free = Number(new URL((await startEchoBackend('none', 'v1').then(closed)).url).port)
    writeFileSync(manifests, mesh().replace('number: 80,', `number: ${free},`))
    const [edge] = (await start(
      listed.replace('port: 0, address: 127.0.0.1, gateway: 80', `port: ${free}, address: 127.0.0.1`),
    )) as [string]
    expect(edge).toMatch(new RegExp(`:${free}$`))
    expect(await versionAt(edge, 'a.test', office)).toBe('v2')
  })

  it('follows the files it lists, and itself; what is bad replaces nothing', async () => {
    const [edge] = (await start(listed)) as [string]
    expect(await versionAt(edge, 'a.test', '192.168.0.59')).toBe('v1')
    writeFileSync(join(folder, 'rules.yaml'), rules('192.168.0.59'))
    await expect.poll(() => versionAt(edge, 'a.test', '192.168.0.59'), { timeout: 4000 }).toBe('v2')
    write(listed.replace('hops: 1', 'hops: 0'))
    await expect.poll(() => versionAt(edge, 'a.test', '192.168.0.59'), { timeout: 4000 }).toBe('v1')
    write(listed)
    await expect.poll(() => versionAt(edge, 'a.test', '192.168.0.59'), { timeout: 4000 }).toBe('v2')
    writeFileSync(join(folder, 'manifests/more.yaml'), 'a: [')
    await serving!.says(/configuration refused/)
    await serving!.says(/more\.yaml:\d+:\d+: error yaml/)
    expect(await versionAt(edge, 'a.test', '192.168.0.59')).toBe('v2')
  })

  it.skipIf(withoutOpenssl)('serves a Gateway over HTTPS with a certificate of its own (needs openssl)', async () => {
    const authority = await Authority.create(folder)
    await authority.issue({ file: 'site', names: 'DNS:a.test' })
    const secure = listed.replace('gateway: 80', 'gateway: 80, tls: { cert: site.pem, key: site.key }')
    serving = await ServingProcess.start(write(secure))
    const port = Number(/listening on https:\/\/127\.0\.0\.1:(\d+)/.exec(serving.err)?.[1])
    const told = await new Promise<string>((done, failed) => {
      const options = { host: '127.0.0.1', port, servername: 'a.test', ca: authority.pem, agent: false }
      request({ ...options, headers: { host: 'a.test', 'x-forwarded-for': office } }, (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (part: string) => (body += part))
        response.on('end', () => done(body))
      })
        .on('error', failed)
        .end()
    })
    expect(JSON.parse(told)).toMatchObject({ version: 'v2' })
    expect(told).toMatch(/"x-forwarded-proto","https"/i)
  })

  it('is good to check, and its requests are explained', async () => {
    const path = write(listed.replace('port: 0, internal', 'port: 15001, internal'))
    expect(await graylane(['check', path])).toMatchObject({ code: 0, out: expect.stringMatching(/: good/) })
    const { out } = await graylane(['explain', '--config', path, '--port', '15001', `http://${service}/`])
    expect(out).toMatch(/^route .*VirtualService default\/inside/m)
    expect(out).toMatch(/^upstream .* of v2: \//m)
  })

  it.each([
    [
      'a file that is not there',
      ['rules.yaml', 'rule.yaml'],
      /routes\.yaml:6:20: error file: \S*rule\.yaml: there is no such/,
    ],
    [
      'a port that no Gateway has',
      [', gateway: 80', ', gateway: 81'],
      /:2:45: error listen: no Gateway has an HTTP server at port 81, but at 80/,
    ],
    [
      'its own port that no Gateway has',
      ['port: 0, address: 127.0.0.1, gateway: 80', 'port: 8081'],
      /:2:13: error listen: no Gateway has .* port 8081/,
    ],
    ['any free port for nothing', [', gateway: 80', ''], /:2:13: error value: port 0 is any free one: say which/],
    [
      'a sidecar key at the edge',
      ['gateway: 80', 'gateway: 80, servicePort: 80'],
      /:2:62: error value: servicePort is for listeners with internal: true/,
    ],
    [
      'a gateway inside',
      ['servicePort: 8000, sourceN', 'servicePort: 8000, gateway: 80, sourceN'],
      /:3:60: error value: gateway is for listeners without/,
    ],
    [
      'addresses that are trusted',
      ['hops: 1', 'proxies: [10.0.0.0/8]'],
      /:5:10: error slip: Istio trusts a number of hops/,
    ],
    ['a release beside it', ['trust:', 'stable: v1\ntrust:'], /:5:1: error slip: stable belongs to a release/],
    [
      'a misspelt key',
      ['gateway:', 'gatway:'],
      /:2:36: error unknown-key: unknown key "gatway" in listen\[0\].*gateway/,
    ],
    [
      'a second document',
      ['accessLog: off', 'accessLog: off\n---\nname: shop'],
      /:9:1: error value: a second document/,
    ],
    ['an address that is none', ['127.0.0.1', 'x'], /:2:25: error value: "x" is not an IP address/],
  ] as const)('refuses %s, with its place', async (_, [from, to], said) => {
    const { code, out } = await graylane(['check', write(listed.replace(from, to))])
    expect(out).toMatch(said)
    expect(code).toBe(1)
  })

  it('lints the manifests that are named, each slip once and at its place', async () => {
    // An address that a gateway never finds alone in X-Forwarded-For, and a match beside its key.
    const slip = rules(office)
      .replace('x-envoy-external-address:', 'x-forwarded-for:')
      .replace('- route: ', '- match: [{uri: {prefix: /a}, x-user: {exact: a}}]\n    route: ')
    writeFileSync(join(folder, 'rules.yaml'), slip)
    const path = write(listed)
    const { out, code } = await graylane(['check', path])
    expect(out).toMatch(/^\S*rules\.yaml:8:\d+: warning GL001: /m)
    expect(out).toMatch(/^\S*rules\.yaml:10:\d+: error GL009: x-user is no key of a match/m)
    expect(out).not.toContain('unknown-field')
    const lines = out.trim().split('\n')
    expect(new Set(lines).size).toBe(lines.length)
    expect(code).toBe(1)
    // The same as when they are named on the command line.
    const alone = await graylane(['check', join(folder, 'manifests'), join(folder, 'rules.yaml')])
    for (const line of alone.out.split('\n').filter((one) => / (?:GL|IST)\d+: /.test(one)))
      expect(lines).toContain(line)
    const json = JSON.parse((await graylane(['check', '--json', path])).out) as { files: { problems: object[] }[] }
    expect(json.files[0]?.problems).toContainEqual(expect.objectContaining({ code: 'GL001', line: 8 }))
  })

  it('warns of a Gateway server that no listener is for', async () => {
    const more = 'servers: [{port: {number: 81, name: more, protocol: HTTP}, hosts: ["*"]}, '
    writeFileSync(join(folder, 'manifests/mesh.yaml'), mesh().replace('servers: [', more))
    const { code, out } = await graylane(['check', write(listed)])
    expect(out).toMatch(/mesh\.yaml:6:\d+: warning not-honoured: port 81 is not served/)
    expect(code).toBe(0)
  })

  it('says the ports itself: options for them are refused', async () => {
    const { code, err } = await graylane(['serve', '--config', write(listed), '--port', '80=0'])
    expect(err).toMatch(/routes\.yaml:1:1: error listen: the ports stand under listen here/)
    expect(code).toBe(1)
  })
})

async function closed(backend: EchoBackend): Promise<EchoBackend> {
  await backend.close()
  return backend
}
