import { once } from 'node:events'
import http, { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fastify } from 'fastify'
import { Agent, interceptors, request } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { withField } from '../../src/propagate/header-fields.ts'
import { type Propagation, propagateVersion } from '../../src/propagate/propagate.ts'

/** Answers with the fields it was called with. */
const mirror = createServer((incoming, response) => response.end(JSON.stringify(incoming.headers)))
let url: string

beforeAll(async () => {
  mirror.listen(0, '127.0.0.1')
  await once(mirror, 'listening')
  url = `http://127.0.0.1:${(mirror.address() as AddressInfo).port}/`
})
afterAll(() => {
  mirror.closeAllConnections()
  mirror.close()
})

type Call = (propagation: Propagation, headers?: Record<string, string>) => Promise<IncomingHttpHeaders>

const calls: Readonly<Record<string, Call>> = {
  fetch: async ({ fetch }, headers) =>
    (await (await fetch(url, { headers: headers ?? {} })).json()) as IncomingHttpHeaders,
  'fetch of a Request': async ({ fetch }, headers) =>
    (await (await fetch(new Request(url, { headers: headers ?? {} }))).json()) as IncomingHttpHeaders,
  undici: async ({ interceptor }, headers) => {
    const agent = new Agent()
    const { body } = await request(url, { dispatcher: agent.compose(interceptor), headers: headers ?? {} })
    const seen = (await body.json()) as IncomingHttpHeaders
    await agent.close()
    return seen
  },
  'http.get': (propagation, headers) =>
    new Promise((resolve, reject) => {
      const call = propagation.client(http).get(url, { headers: headers ?? {} }, async (answer) => {
        let text = ''
        for await (const part of answer.setEncoding('utf8')) text += part
        resolve(JSON.parse(text) as IncomingHttpHeaders)
      })
      call.on('error', reject)
    }),
}

describe.each(Object.entries(calls))('%s', (_name, call) => {
  test('hands the version on', async () => {
    const propagation = propagateVersion()
    expect(await propagation.run('v2', () => call(propagation, { accept: 'text/plain' }))).toMatchObject({
      'x-version': 'v2',
      accept: 'text/plain',
    })
  })

  test('hands on nothing when nobody asked', async () => {
    expect(await call(propagateVersion())).not.toHaveProperty('x-version')
  })

  test('leaves what the caller wrote', async () => {
    const propagation = propagateVersion()
    const seen = await propagation.run('v2', () => call(propagation, { 'X-Version': 'v3' }))
    expect(seen['x-version']).toBe('v3')
  })

  test('by another name', async () => {
    const propagation = propagateVersion({ header: 'X-Release' })
    expect(await propagation.run('v2', () => call(propagation))).toMatchObject({ 'x-release': 'v2' })
  })
})

async function answerOf(
  server: http.Server,
  headers: Record<string, string>,
): Promise<{ served: string | null; text: string }> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'a body', headers })
  const text = await response.text()
  server.closeAllConnections()
  server.close()
  return { served: response.headers.get('x-served-version'), text }
}

describe('a node:http server', () => {
  test('says which version it is, and knows the one it was asked in wherever the work goes on', async () => {
    const propagation = propagateVersion({ served: 'v7' })
    const server = createServer(
      propagation.listener((incoming, response) => {
        incoming.resume().on('end', () => setTimeout(() => response.end(propagation.asked), 5))
      }),
    )
    expect(await answerOf(server, { 'x-version': 'v2' })).toEqual({ served: 'v7', text: 'v2' })
  })

  test('says nothing that it was not told', async () => {
    const propagation = propagateVersion()
    const server = createServer(propagation.listener((_request, response) => response.end(String(propagation.asked))))
    expect(await answerOf(server, { 'x-version': '' })).toEqual({ served: null, text: 'undefined' })
  })
})

describe('a fastify app', () => {
  test('says which version it is on every route, errors among them, and knows the one it was asked in', async () => {
    const propagation = propagateVersion({ served: 'v7' })
    const app = fastify()
    app.addContentTypeParser('*', (_request, payload, done) => payload.resume().on('end', () => done(null)))
    await app.register(propagation.fastify)
    app.post('/', async () => String(propagation.asked))
    await app.ready()
    expect(await answerOf(app.server, { 'x-version': 'v2' })).toEqual({ served: 'v7', text: 'v2' })
    const missing = await app.inject('/nowhere')
    expect([missing.statusCode, missing.headers['x-served-version']]).toEqual([404, 'v7'])
    await app.close()
  })
})

test('the fields for other clients', () => {
  const propagation = propagateVersion()
  expect(propagation.fields()).toEqual({})
  expect(propagation.run('v2', () => propagation.fields())).toEqual({ 'x-version': 'v2' })
})

test.each([
  ['none', undefined, { 'x-version': 'v2' }],
  ['null', null, { 'x-version': 'v2' }],
  ['an object', { a: '1' }, { a: '1', 'x-version': 'v2' }],
  ['a flat list', ['a', '1'], ['a', '1', 'x-version', 'v2']],
  ['an empty list', [], ['x-version', 'v2']],
  ['pairs', [['a', '1']] as never, { a: '1', 'x-version': 'v2' }],
  ['a Map', new Map([['a', '1']]), { a: '1', 'x-version': 'v2' }],
  ['Headers', new Headers({ a: '1' }), { a: '1', 'x-version': 'v2' }],
  ['a flat list that has it', ['X-Version', 'v3'], ['X-Version', 'v3']],
  ['an object that has it', { 'X-Version': 'v3' }, { 'X-Version': 'v3' }],
])('undici takes fields as %s', (_shape, fields, with_) => {
  expect(withField(fields, 'x-version', 'v2')).toEqual(with_)
})

test('a call that undici sends again keeps its version, on a connection that another one opened', async () => {
  const seen: (string | undefined)[] = []
  const flaky = createServer((incoming, response) => {
    seen.push(incoming.headers['x-version'] as string | undefined)
    response.statusCode = incoming.url === '/flaky' && seen.length % 3 !== 0 ? 503 : 200
    response.end()
  })
  flaky.listen(0, '127.0.0.1')
  await once(flaky, 'listening')
  const origin = `http://127.0.0.1:${(flaky.address() as AddressInfo).port}`
  const propagation = propagateVersion()
  const agent = new Agent({ connections: 1 })
  const again = interceptors.retry({ minTimeout: 1, statusCodes: [503] })
  const dispatcher = agent.compose(propagation.interceptor, again)
  const call = (version: string | undefined, path: string): Promise<unknown> =>
    propagation.run(version, async () => (await request(origin + path, { dispatcher })).body.text())

  for (let warm = 0; warm < 3; warm += 1) await call('v1', '/')
  await call('v2', '/flaky')
  await call(undefined, '/flaky')
  expect(seen.slice(3)).toEqual(['v2', 'v2', 'v2', undefined, undefined, undefined])
  await agent.close()
  flaky.close()
})
