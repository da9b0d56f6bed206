import { once } from 'node:events'
import { connect } from 'node:net'
import { readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

import { rawRequest, type Answer } from '../admin/raw-request.ts'
import { samplesOf, sourceSamplesOf } from '../observe/exposition-text.ts'
import { type EchoBackend, startEchoBackend } from '../support/echo-backend.ts'
import { startSlowBackend } from '../support/slow-backend.ts'
import { graylane, ServingProcess } from './graylane-process.ts'
import { keySecret, routes, useRoutes } from './routes.ts'

const canary = 'canary-4711'

const folder = useRoutes(shop)
let backends: EchoBackend[]
let serving: ServingProcess | undefined

beforeAll(async () => {
  backends = await Promise.all([
    startEchoBackend('frontend', 'v1'),
    startEchoBackend('mqtt-server', 'v1'),
    startEchoBackend('frontend', 'v2'),
    startEchoBackend('mqtt-server', 'v2'),
  ])
})
afterEach(async () => {
  await serving?.kill()
  serving = undefined
})
afterAll(async () => {
  await Promise.all(backends.map((backend) => backend.close()))
})

function shop(more = ''): string {
  const [frontend1, api1, frontend2, api2] = backends.map(({ url }) => url) as [string, string, string, string]
  return routes({ frontend1, api1, frontend2, api2 }, more)
}

async function serve(
  args: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<ServingProcess> {
  serving = await ServingProcess.start(folder.path, args, environment)
  return serving
}

function get(address: string, target: string, ...fields: string[]): Promise<Answer> {
  return rawRequest(address, { target, fields: [`Host: ${address}`, ...fields] })
}

describe('graylane serve', () => {
  it('serves, is ready, and says where', async () => {
    const { listener, admin } = await serve()
    expect((await get(listener, '/', 'Cookie: user=jason')).fields.get('x-version')).toBe('v2')
    expect((await get(listener, '/')).fields.get('x-version')).toBe('v1')
    expect((await get(admin, '/readyz')).body).toBe('ready\n')
    expect(JSON.parse((await get(admin, '/readyz?verbose')).body)).toMatchObject({
      state: 'ready',
      listeners: [{ address: '127.0.0.1', port: Number(listener.split(':')[1]), internal: false }],
      lastReload: { ok: true },
    })
  })

  it('opens the probe port it was given, and its own admin port only to the token', async () => {
    const token = 'a-token-of-some-length'
    const { admin, probe } = await serve(['--probe', '127.0.0.1:0'], { GRAYLANE_ADMIN_TOKEN: token })
    expect((await get(probe, '/readyz')).status).toBe(200)
    expect((await get(probe, '/config')).status).toBe(404)
    expect((await get(admin, '/config')).status).toBe(401)
    expect((await get(admin, '/config', `Authorization: Bearer ${token}`)).status).toBe(200)
  })

  it('opens a probe port on all addresses where it may not ask which these are', async () => {
    // As under systemd's RestrictAddressFamilies without AF_NETLINK.
    const forbidden =
      "import os from 'node:os';import { syncBuiltinESMExports } from 'node:module';" +
      "os.networkInterfaces=()=>{throw new Error('EAFNOSUPPORT')};syncBuiltinESMExports()"
    const { listener, probe } = await serve(['--probe', '0.0.0.0:0'], {
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(forbidden)}`,
    })
    expect((await get(probe.replace('0.0.0.0', '127.0.0.1'), '/readyz')).status).toBe(200)
    expect((await get(listener, '/')).status).toBe(200)
  })

  it('takes its admin token from the file that the environment names, and the verbs that ask it do too', async () => {
    const environment = { GRAYLANE_ADMIN_TOKEN_FILE: join(dirname(folder.path), 'pin.key'), GRAYLANE_ADMIN_TOKEN: 'no' }
    const { admin } = await serve([], environment)
    expect((await get(admin, '/config')).status).toBe(401)
    expect((await get(admin, '/config', `Authorization: Bearer ${keySecret}`)).status).toBe(200)
    expect(await graylane(['status', '--admin', admin], environment)).toMatchObject({ code: 0, err: '' })
    expect(await graylane(['status', '--admin', admin])).toMatchObject({ code: 2 })
  })

  it('explains by admin what it then does', async () => {
    const { listener, admin } = await serve()
    const answer = await get(admin, '/explain?url=/api/x&header=Cookie:%20user%3Djason')
    const explained = JSON.parse(answer.body) as { version: string; service: string }
    const done = await get(listener, '/api/x', 'Cookie: user=jason')
    expect(JSON.parse(done.body)).toMatchObject({ service: explained.service, version: explained.version })
    expect(explained).toMatchObject({ service: 'mqtt-server', version: 'v2', rule: 'line 13' })
  })

  it('explains by admin calls of services too, at the internal port that is bound', async () => {
    const inside = '  - { port: 0, internal: true, sourceLabels: { version: v2 } }\n'
    await folder.write(shop().replace('services:\n', `${inside}services:\n`))
    const { admin, err } = await serve()
    const port = /:(\d+), service to service/.exec(err)?.[1] as string
    const target = `/explain?url=http://mqtt-server/anything&port=${port}`
    const explained = JSON.parse((await get(admin, target)).body) as { version: string; service: string }
    expect(explained).toMatchObject({ service: 'mqtt-server', version: 'v2' })
    const done = await rawRequest(`127.0.0.1:${port}`, { target: '/anything', fields: ['Host: mqtt-server'] })
    expect(JSON.parse(done.body)).toMatchObject({ service: explained.service, version: explained.version })
    const nowhere = await get(admin, '/explain?url=/&port=1')
    expect([nowhere.status, nowhere.body]).toEqual([400, expect.stringContaining('nothing listens at 1, but at')])
  })

  it('shows its configuration without the key that signs pins', async () => {
    const { admin } = await serve()
    const { body } = await get(admin, '/config')
    expect(body).toContain('office')
    for (const form of [keySecret, Buffer.from(keySecret).toString('base64'), [...Buffer.from(keySecret)].join()]) {
      expect(body).not.toContain(form)
    }
  })

  it('counts what it served: every request, under the version and service that answered', async () => {
    const { listener, admin } = await serve()
    for (let i = 0; i < 3; i++) await get(listener, `/${i}`)
    await get(listener, '/a', 'Cookie: user=jason', 'Accept: text/html')
    for (let i = 0; i < 2; i++) await get(listener, '/api/x', 'Cookie: user=jason', 'x-echo-x-served-version: v1')
    await get(listener, '/%00')
    await rawRequest(listener, { target: '/', fields: ['Host: a b'] })
    const text = (await get(admin, '/metrics')).body
    const requests = sourceSamplesOf(text, 'istio_requests_total').map(
      ({ labels, value }) =>
        `${labels['destination_service']} ${labels['destination_version']} ${labels['response_code']} ${value}`,
    )
    expect(requests.toSorted()).toEqual([
      'frontend.shop v1 200 3',
      'frontend.shop v2 200 1',
      'mqtt-server.shop v2 200 2',
      'unknown unknown 400 1',
    ])
    const lines = (name: string): Record<string, number> =>
      Object.fromEntries(samplesOf(text, name).map(({ labels, value }) => [Object.values(labels).join(' '), value]))
    expect(lines('graylane_decisions_total')).toEqual({ 'v1 stable': 3, 'v2 rule': 3 })
    expect(lines('graylane_version_mismatch_total')).toEqual({ 'mqtt-server v2 v1': 2 })
    expect(lines('graylane_served_version_total')).toEqual({ 'frontend no': 4, 'mqtt-server yes': 2 })
    expect(lines('graylane_edge_answers_total')).toEqual({ EDGE_BAD_TARGET: 1, EDGE_BAD_REQUEST: 1 })
    expect(lines('graylane_connections_open')).toEqual({ '': expect.any(Number) })
  })

  it('does not grow its metrics by what clients send', async () => {
    const { listener, admin } = await serve()
    // The lag of the event loop is told whenever there was any to measure since the last look.
    const lines = async (): Promise<string[]> => (await get(admin, '/metrics')).body.split('\n')
    const series = async (): Promise<number> =>
      (await lines()).filter((line) => !line.includes('event_loop_lag')).length
    await get(listener, '/')
    const before = await series()
    for (let i = 0; i < 100; i++) await get(listener, `/${i}`, `User-Agent: ${i}`, `x-version: w${i}`)
    expect(await series()).toBe(before)
  })

  it('logs one line a request on standard output, without secrets', async () => {
    const { listener } = await serve()
    const secrets = [`Cookie: session=${canary}; graylane=1.${canary}`, `Authorization: Bearer ${canary}`]
    await get(listener, `/a?token=${canary}`, ...secrets, `x-echo-set-cookie: id=${canary}`)
    await get(listener, '/%22%7d', 'Cookie: user=jason', 'Accept: text/html')
    serving?.child.kill('SIGTERM')
    expect(await serving?.ended()).toBe(0)
    const lines = serving?.out.trimEnd().split('\n') ?? []
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
      expect.objectContaining({
        path: '/a',
        status: 200,
        version: 'v1',
        reason: 'stable',
        rule: '',
        service: 'frontend',
      }),
      expect.objectContaining({
        status: 200,
        version: 'v2',
        reason: 'rule',
        rule: 'line 13',
        clientAddress: '127.0.0.1',
      }),
    ])
    expect(`${serving?.out}${serving?.err}`).not.toContain(canary)
  })

  it('goes on when nobody reads its log any more', async () => {
    const { listener, child } = await serve()
    child.stdout?.destroy()
    for (let i = 0; i < 400; i++) await get(listener, '/')
    expect((await get(listener, '/')).status).toBe(200)
    child.kill('SIGTERM')
    expect(await serving?.ended()).toBe(0)
  })
})

function otherStable(): string {
  return shop().replace('stable: v1', 'stable: v2')
}

function unknownStable(): string {
  return shop().replace('stable: v1', 'stable: v9')
}

/** Reloads that took effect, and those that did not. */
async function reloads(): Promise<string> {
  const text = (await get(serving?.admin as string, '/metrics')).body
  const names = ['graylane_config_reloads_total', 'graylane_config_reload_failures_total']
  return names.map((name) => samplesOf(text, name)[0]?.value).join()
}

async function version(): Promise<string | undefined> {
  return (await get(serving?.listener as string, '/')).fields.get('x-version')
}

describe('reloading', () => {
  it('by POST /reload puts a good file in force', async () => {
    const { admin } = await serve()
    await folder.write(otherStable())
    const answer = await rawRequest(admin, { method: 'POST', target: '/reload' })
    expect([answer.status, JSON.parse(answer.body)]).toEqual([200, expect.objectContaining({ ok: true, problems: [] })])
    expect(await version()).toBe('v2')
    expect(await reloads()).toBe('1,0')
  })

  it('by POST /reload refuses a bad file, says why, and changes nothing', async () => {
    const { admin } = await serve()
    await folder.write(unknownStable())
    const answer = await rawRequest(admin, { method: 'POST', target: '/reload' })
    expect(answer.status).toBe(422)
    expect(JSON.parse(answer.body)).toMatchObject({ ok: false, problems: [{ severity: 'error', file: folder.path }] })
    expect(await version()).toBe('v1')
    expect(JSON.parse((await get(admin, '/readyz?verbose')).body)).toMatchObject({
      state: 'ready',
      lastReload: { ok: false },
    })
    expect(serving?.err).toMatch(/configuration refused.*\n.*error.*v9/)
    expect((await reloads()).split(',')[1]).not.toBe('0')
  })

  it('by SIGHUP reads the file and opens the log anew', async () => {
    await folder.write(shop('accessLog: { path: access.log }\n'))
    const { listener, child } = await serve()
    const log = folder.path.replace('routes.yaml', 'access.log')
    await get(listener, '/before')
    await folder.write(otherStable().concat('accessLog: { path: access.log }\n'))
    await rename(log, `${log}.1`)
    child.kill('SIGHUP')
    await expect.poll(version, { timeout: 5000 }).toBe('v2')
    await expect.poll(() => readFile(log, 'utf8').catch(() => undefined)).toBeDefined()
    await get(listener, '/after')
    child.kill('SIGTERM')
    await serving?.ended()
    expect(await readFile(`${log}.1`, 'utf8')).toContain('"/before"')
    expect(await readFile(log, 'utf8')).toContain('"/after"')
  })
})

describe('the end', () => {
  it('comes with SIGTERM: not ready at once, listeners open for the delay, open requests finish, exit 0', async () => {
    const frontend = await startSlowBackend()
    await folder.write(routes({ frontend1: frontend.url, frontend2: backends[2]?.url as string }))
    const { listener, admin, child } = await serve(['--drain-delay', '1'])
    const open = get(listener, '/slow')
    await expect.poll(frontend.waiting).toBe(1)
    child.kill('SIGTERM')
    await expect.poll(async () => (await get(admin, '/readyz')).status).toBe(503)
    expect((await get(admin, '/healthz')).status).toBe(200)
    expect((await get(listener, '/', 'Cookie: user=jason')).status).toBe(200)
    await expect.poll(() => accepts(listener), { timeout: 5000 }).toBe(false)
    expect((await get(admin, '/readyz')).body).toBe('draining\n')
    frontend.release()
    expect(await open).toMatchObject({ status: 200, body: 'late' })
    expect(await serving?.ended()).toBe(0)
    frontend.close()
  })

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('comes at once with a second %s', async (signal, code) => {
    const frontend = await startSlowBackend()
    await folder.write(routes({ frontend1: frontend.url }))
    const { listener, child } = await serve()
    const open = get(listener, '/slow').catch(() => 'broken off')
    await expect.poll(frontend.waiting).toBe(1)
    child.kill(signal)
    await serving?.says(/draining/)
    child.kill(signal)
    expect(await serving?.ended()).toBe(code)
    await open
    frontend.close()
  })

  it('does not wait for idle connections, nor for the delay on Ctrl-C', async () => {
    const { listener, child } = await serve(['--drain-delay', '600'])
    const [host, port] = listener.split(':') as [string, string]
    const idle = connect(Number(port), host)
    idle.on('error', () => undefined)
    await once(idle, 'connect')
    child.kill('SIGINT')
    expect(await serving?.ended()).toBe(0)
    idle.destroy()
  })
})

function accepts(address: string): Promise<boolean> {
  const [host, port] = address.split(':') as [string, string]
  return new Promise((resolve) => {
    const socket = connect(Number(port), host)
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
