import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { createAdminServer, type AdminOptions, type AdminServer } from '../../src/admin/server.ts'
import { rawRequest, type Answer, type RawRequest } from './raw-request.ts'
import { canary, smallView, type SmallView } from './small-view.ts'

const metrics = { contentType: 'text/plain; version=0.0.4; charset=utf-8', text: () => Promise.resolve('up 1\n') }

let view: SmallView
let server: AdminServer | undefined

beforeEach(() => {
  view = smallView()
})
afterEach(async () => {
  await server?.close()
  server = undefined
})

async function start(options: Partial<AdminOptions> = {}): Promise<AdminServer> {
  server = await createAdminServer({ view, metrics, listen: { host: '127.0.0.1', port: 0 }, ...options })
  return server
}

async function ask(request: RawRequest, options: Partial<AdminOptions> = {}): Promise<Answer> {
  return rawRequest((server ?? (await start(options))).address, request)
}

function probed(request: RawRequest): Promise<Answer> {
  return rawRequest(server?.probeAddress as string, request)
}

const problem = {
  file: 'routes.yaml',
  line: 3,
  column: 5,
  severity: 'error',
  code: 'unknown-key',
  message: 'no',
} as const

describe('the admin server', () => {
  it('is healthy as long as it answers, and ready only when the gateway is', async () => {
    for (const [state, status] of [
      ['starting', 503],
      ['ready', 200],
      ['draining', 503],
      ['closed', 503],
    ] as const) {
      view.state = state
      expect(await ask({ target: '/readyz' })).toMatchObject({ status, body: `${state}\n` })
      expect(await ask({ target: '/healthz' })).toMatchObject({ status: 200, body: 'ok\n' })
    }
  })

  it('tells with ?verbose what is in force, where it listens, and how the last reload went', async () => {
    view.reloadWith = { at: 1, ok: false, changed: false, snapshot: 'abc123', problems: [problem] }
    const answer = await ask({ target: '/readyz?verbose' })
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.body)).toEqual({
      state: 'ready',
      configuration: 'abc123',
      listeners: [{ name: '0.0.0.0-8080', address: '0.0.0.0', port: 8080, internal: false, secure: false }],
      lastReload: { at: 1, ok: false, changed: false, problems: [problem] },
    })
  })

  it('hands metrics to scrapers in their format', async () => {
    const answer = await ask({ target: '/metrics' })
    expect(answer).toMatchObject({ status: 200, body: 'up 1\n' })
    expect(answer.fields.get('content-type')).toBe(metrics.contentType)
  })

  it('shows the configuration in force, without keys, credentials and lists of people', async () => {
    const answer = await ask({ target: '/config' })
    expect(answer.body).not.toContain(canary)
    expect(answer.body).not.toContain(Buffer.from(canary).toString('base64'))
    expect(answer.body).not.toContain('user-7')
    expect(JSON.parse(answer.body)).toEqual({
      file: 'routes.yaml',
      files: ['routes.yaml'],
      releases: [{ name: 'shop', versions: { v1: { pools: { frontend: ['http://127.0.1.1:8080'] } } } }],
      keys: { shop: [{ id: '00112233' }] },
      seeds: { written: {} },
      requestHeaders: { remove: [], set: { authorization: '(not shown)', user: '%VERSION%' }, add: {} },
      users: { values: 1000 },
    })
  })

  it('reloads when asked by POST: 200, or 422 with every problem', async () => {
    expect((await ask({ method: 'POST', target: '/reload' })).status).toBe(200)
    view.reloadWith = { ...view.reloadWith, ok: false, changed: false, problems: [problem] }
    const refused = await ask({ method: 'POST', target: '/reload' })
    expect(refused.status).toBe(422)
    expect(JSON.parse(refused.body)).toMatchObject({ ok: false, problems: [problem] })
    expect((await ask({ target: '/reload' })).status).toBe(404)
  })

  it('answers what it does not know with 404, and lets nothing be kept, framed or guessed', async () => {
    const answer = await ask({ target: '/nothing' })
    expect(answer.status).toBe(404)
    for (const target of ['/nothing', '/healthz', '/config']) {
      const { fields } = await ask({ target })
      expect(Object.fromEntries(fields)).toMatchObject({
        'cache-control': 'no-store',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        'x-content-type-options': 'nosniff',
      })
      expect(fields.has('access-control-allow-origin')).toBe(false)
    }
  })
})

describe('/explain', () => {
  const json = ['Host: localhost', 'Content-Type: application/json']
  const post = (body: unknown): RawRequest => ({
    method: 'POST',
    target: '/explain',
    fields: json,
    body: JSON.stringify(body),
  })
  const asked = { ip: '127.0.0.1', method: 'GET', url: '/a', headers: [] }

  const good: [what: string, request: RawRequest, input: object][] = [
    ['a path by query', { target: '/explain?url=/a' }, asked],
    [
      'everything by query',
      {
        target:
          '/explain?url=http%3A%2F%2Fshop%2Fa%3Fb&ip=10.8.0.1&method=POST&header=Cookie%3A%20user%3Djason&header=x-user:a:b',
      },
      {
        ip: '10.8.0.1',
        method: 'POST',
        url: 'http://shop/a?b',
        headers: [
          ['Cookie', 'user=jason'],
          ['x-user', 'a:b'],
        ],
      },
    ],
    ['one header by query', { target: '/explain?url=/a&header=a:b' }, { ...asked, headers: [['a', 'b']] }],
    ['a port by query', { target: '/explain?url=/a&port=8080' }, { ...asked, listener: '0.0.0.0-8080' }],
    [
      'a listener by query',
      { target: '/explain?url=/a&listener=0.0.0.0-8080' },
      { ...asked, listener: '0.0.0.0-8080' },
    ],
    ['a listener by JSON', post({ url: '/a', listener: '0.0.0.0-8080' }), { ...asked, listener: '0.0.0.0-8080' }],
    ['a port by JSON', post({ url: '/a', port: 8080 }), { ...asked, listener: '0.0.0.0-8080' }],
    ['a path by JSON', post({ url: '/a' }), asked],
    [
      'everything by JSON',
      post({ url: '/a', ip: '::1', method: 'HEAD', headers: { cookie: ['a=1', 'b=2'], 'x-user': 'jason' } }),
      {
        ip: '::1',
        method: 'HEAD',
        url: '/a',
        headers: [
          ['cookie', 'a=1'],
          ['cookie', 'b=2'],
          ['x-user', 'jason'],
        ],
      },
    ],
  ]
  it.each(good)('takes %s', async (_what, request, input) => {
    const answer = await ask(request)
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.body)).toMatchObject({ version: 'v2', reason: 'rule', rule: 'office', setsPin: true })
    expect(view.explained).toEqual([input])
  })

  const bad: [what: string, request: RawRequest, status: number][] = [
    ['no url', { target: '/explain' }, 400],
    ['an unknown parameter', { target: '/explain?url=/a&verb=GET' }, 400],
    ['an address that is none', { target: '/explain?url=/a&ip=010.8.0.1' }, 400],
    ['a port where nothing listens', { target: '/explain?url=/a&port=8081' }, 400],
    ['a listener that is not there', post({ url: '/a', listener: '0.0.0.0-8081', port: 8080 }), 400],
    ['a port that is no number', { target: '/explain?url=/a&port=0x1F90' }, 400],
    ['a header without a colon', { target: '/explain?url=/a&header=cookie' }, 400],
    ['a header with a line feed', { target: '/explain?url=/a&header=a:b%0d%0ac:d' }, 400],
    ['a method with a space', { target: '/explain?url=/a&method=GET%20/' }, 400],
    ['a url with a line feed', post({ url: '/a\r\nb' }), 400],
    ['a number for a url', post({ url: 7 }), 400],
    ['an unknown key', post({ url: '/a', Ip: '::1' }), 400],
    ['a header name with a space', post({ url: '/a', headers: { 'a b': '' } }), 400],
    ['a header that is no text', post({ url: '/a', headers: { a: 1 } }), 400],
    ['a prototype', { ...post({}), body: '{"url":"/a","__proto__":{"ip":"::1"}}' }, 400],
    ['broken JSON', { ...post({}), body: '{"url"' }, 400],
    ['a list', post([]), 400],
    ['text', { ...post({}), fields: ['Host: localhost', 'Content-Type: text/plain'] }, 415],
    ['a form', { ...post({}), fields: ['Host: localhost', 'Content-Type: application/x-www-form-urlencoded'] }, 415],
    ['more than 64 KiB', post({ url: `/${'a'.repeat(64 * 1024)}` }), 413],
  ]
  it.each(bad)('refuses %s', async (_what, request, status) => {
    const answer = await ask(request)
    expect(answer.status).toBe(status)
    expect(answer.fields.get('content-type')).toMatch(/^application\/problem\+json/)
    expect(view.explained).toEqual([])
  })
})

describe('who may ask', () => {
  const targets: RawRequest[] = [
    { target: '/healthz' },
    { target: '/metrics' },
    { target: '/config' },
    { target: '/nothing' },
    { target: '/explain?url=/' },
    { method: 'POST', target: '/reload' },
  ]
  const welcome: [what: string, fields: string[]][] = [
    ['curl by address', ['Host: 127.0.0.1:9901']],
    ['curl by name', ['Host: localhost:9901']],
    ['a forwarded port', ['Host: localhost:12345']],
    ['capitals', ['Host: LocalHost']],
    ['another loopback address', ['Host: 127.0.0.2']],
    ['IPv6', ['Host: [::1]:9901']],
    ['a browser’s address bar', ['Host: localhost:9901', 'Sec-Fetch-Site: none']],
    ['its own page', ['Host: localhost:9901', 'Origin: http://localhost:9901', 'Sec-Fetch-Site: same-origin']],
  ]
  it.each(welcome)('welcomes %s', async (_what, fields) => {
    for (const target of targets) expect([200, 404]).toContain((await ask({ ...target, fields })).status)
  })

  const unwelcome: [what: string, fields: string[], status: number][] = [
    ['a rebound name', ['Host: attacker.example:9901'], 421],
    ['a rebound name that begins like ours', ['Host: localhost.attacker.example'], 421],
    ['a rebound name that begins like an address', ['Host: 127.0.0.1.attacker.example'], 421],
    ['an address that is not ours', ['Host: 203.0.113.9'], 421],
    ['userinfo in Host', ['Host: localhost@attacker.example'], 421],
    ['two names in Host', ['Host: localhost, attacker.example'], 421],
    ['an empty Host', ['Host:'], 421],
    ['a page of another site', ['Host: localhost:9901', 'Origin: https://attacker.example'], 403],
    ['a page of another local port', ['Host: localhost:9901', 'Origin: http://localhost:3000'], 403],
    ['a page without an origin', ['Host: localhost:9901', 'Origin: null'], 403],
    ['an image of another site', ['Host: localhost:9901', 'Sec-Fetch-Site: cross-site'], 403],
    ['an image of the same site', ['Host: localhost:9901', 'Sec-Fetch-Site: same-site'], 403],
    [
      'a page that a proxy made several of',
      ['Host: localhost', 'Sec-Fetch-Site: none', 'Sec-Fetch-Site: cross-site'],
      403,
    ],
  ]
  it.each(unwelcome)('refuses %s, whatever it asks for', async (_what, fields, status) => {
    view.reload = () => Promise.reject(new Error('reloaded'))
    for (const target of targets) {
      const answer = await ask({ ...target, fields })
      expect(answer.status).toBe(status)
      expect(answer.body).not.toMatch(/up 1|releases|office/)
    }
    expect(view.explained).toEqual([])
  })

  it('refuses a preflight', async () => {
    const fields = ['Host: localhost', 'Origin: https://attacker.example', 'Access-Control-Request-Method: POST']
    const answer = await ask({ method: 'OPTIONS', target: '/reload', fields })
    expect(answer.status).toBe(403)
    expect([...answer.fields.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
  })

  it('refuses a request with two Hosts', async () => {
    expect((await ask({ target: '/config', fields: ['Host: localhost', 'Host: attacker.example'] })).status).not.toBe(
      200,
    )
  })
})

describe('the token', () => {
  const token = 'a-token-of-some-length'

  it.each(['0.0.0.0', '::', '192.0.2.1', 'example.org', '128.0.0.1', '127.attacker.example'])(
    'is needed to listen on %s at all',
    async (host) => {
      await expect(start({ listen: { host, port: 0 } })).rejects.toThrow(/token/)
    },
  )

  it('has to have 16 characters', async () => {
    await expect(start({ token: 'short' })).rejects.toThrow(/16 characters/)
  })

  it('is asked of every request, and compared whole', async () => {
    const options = { listen: { host: '0.0.0.0', port: 0 }, token }
    await start(options)
    const address = `127.0.0.1:${server?.address.split(':')[1]}`
    const status = async (target: string, ...fields: string[]): Promise<number> =>
      (await rawRequest(address, { target, fields: [`Host: ${address}`, ...fields] })).status
    for (const target of ['/healthz', '/readyz', '/metrics', '/config', '/nothing']) {
      const found = target === '/nothing' ? 404 : 200
      expect(await status(target, `Authorization: Bearer ${token}`)).toBe(found)
      expect(await status(target)).toBe(401)
      expect(await status(target, `Authorization: Bearer ${token}x`)).toBe(401)
      expect(await status(target, `Authorization: Bearer ${token.slice(0, -1)}`)).toBe(401)
      expect(await status(target, `Authorization: ${token}`)).toBe(401)
      expect(await status(`${target}?token=${token}`)).toBe(401)
    }
    const refusal = await rawRequest(address, { target: '/config' })
    expect(refusal.fields.get('www-authenticate')).toBe('Bearer')
    expect(refusal.body).not.toContain(token)
  })

  it('does not open the door to rebinding: on all addresses Host is a literal or loopback', async () => {
    await start({ listen: { host: '0.0.0.0', port: 0 }, token })
    const address = `127.0.0.1:${server?.address.split(':')[1]}`
    const status = async (host: string): Promise<number> => {
      const fields = [`Host: ${host}`, `Authorization: Bearer ${token}`]
      return (await rawRequest(address, { target: '/config', fields })).status
    }
    expect(await status('203.0.113.9:9901')).toBe(200)
    expect(await status('localhost')).toBe(200)
    expect(await status('attacker.example')).toBe(421)
  })

  const outside = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  const own = outside.find((one) => one.family === 'IPv4' && !one.internal)?.address
  it.runIf(own !== undefined)(
    'guards a listener on an address of this machine, which is then its own Host',
    async () => {
      await start({ listen: { host: own as string, port: 0 }, token })
      const fields = [`Host: ${own}`, `Authorization: Bearer ${token}`]
      expect((await ask({ target: '/config', fields })).status).toBe(200)
      expect((await ask({ target: '/config', fields: [`Host: ${own}`] })).status).toBe(401)
    },
  )
})

describe('the probe port', () => {
  it('has health, readiness and metrics for any Host and without a token, and nothing else', async () => {
    await start({ probe: { host: '127.0.0.1', port: 0 }, token: 'a-token-of-some-length' })
    const fields = ['Host: graylane-metrics.shop.svc:9902']
    const statuses: Record<string, number> = {}
    for (const target of ['/healthz', '/readyz', '/metrics', '/config', '/explain?url=/', '/nothing']) {
      statuses[target] = (await probed({ target, fields })).status
    }
    expect(statuses).toEqual({
      '/healthz': 200,
      '/readyz': 200,
      '/metrics': 200,
      '/config': 404,
      '/explain?url=/': 404,
      '/nothing': 404,
    })
    expect((await probed({ method: 'POST', target: '/reload', fields })).status).toBe(404)
    expect((await probed({ target: '/readyz?verbose', fields })).body).toBe('ready\n')
  })

  it('turns pages of other sites away', async () => {
    await start({ probe: { host: '127.0.0.1', port: 0 } })
    const { status } = await probed({ target: '/metrics', fields: ['Host: a', 'Sec-Fetch-Site: cross-site'] })
    expect(status).toBe(403)
  })

  it('is not there unless asked for', async () => {
    expect((await start()).probeAddress).toBeUndefined()
  })

  it('that cannot be bound takes the admin server down with it', async () => {
    const first = await start()
    const [, port] = first.address.split(':')
    const again = createAdminServer({
      view,
      metrics,
      listen: { host: '127.0.0.2', port: Number(port) },
      probe: { host: '127.0.0.1', port: Number(port) },
    })
    await expect(again).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await expect(rawRequest(`127.0.0.2:${port}`, { target: '/healthz' })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    })
  })
})

describe('closing', () => {
  it('does not wait for idle or slow clients', async () => {
    const { address, close } = await start()
    const [host, port] = address.split(':') as [string, string]
    const socket = connect(Number(port), host)
    socket.on('error', () => undefined)
    socket.write('POST /explain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{')
    await new Promise((resolve) => setTimeout(resolve, 50))
    await close()
    server = undefined
    socket.destroy()
  })
})
