import { chmod } from 'node:fs/promises'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { createAdminServer } from '../../src/admin/server.ts'
import { dashboardFiles } from '../../src/admin/dashboard-files.ts'
import type { GatewayState } from '../../src/admin/gateway-state.ts'
import type { TrafficView } from '../../src/observe/traffic-ring.ts'
import { serverSentEvents } from '../support/server-sent-events.ts'
import { LiveGateway } from './live-gateway.ts'

let live: LiveGateway

beforeAll(async () => {
  live = await LiveGateway.start()
})
afterAll(() => live[Symbol.asyncDispose]())

describe('GET /state', () => {
  it('draws what is configured: releases, versions with their roles and pools, rules in their order', async () => {
    const state = await live.json<GatewayState>('/state')
    expect(state).toMatchObject({ build: '1.2.3', state: 'ready', file: live.path, workers: [], endpointsOut: [] })
    const [release] = state.releases
    expect(release).toMatchObject({ name: 'shop', stable: 'v1', services: ['mqtt-server', 'frontend'] })
    expect(release?.versions.map(({ name, role, base }) => `${name} ${role} ${base}`)).toEqual([
      'v1 stable v1',
      'v2 gray v1',
    ])
    expect(release?.versions[0]?.pools['frontend']).toEqual([expect.stringMatching(/^127\.0\.0\.1:\d+$/)])
    expect(release?.rules).toMatchObject([
      {
        label: 'office',
        version: 'v2',
        condition: { kind: 'match', anyOf: [[{ of: 'clientIp', is: 'in', values: ['192.168.0.58'], more: 0 }]] },
        place: `${live.path}:17`,
      },
    ])
  })

  it('has the history of reloads, newest first, with what changed and what was wrong', async () => {
    await using own = await LiveGateway.start()
    const { writeFile } = await import('node:fs/promises')
    const before = await own.text()
    await writeFile(own.path, before.replace('192.168.0.58', '192.168.0.59'))
    expect((await own.gateway.reload()).ok).toBe(true)
    await writeFile(own.path, before.replace('stable: v1', 'stable: v7'))
    expect((await own.gateway.reload()).ok).toBe(false)
    // The state is made once a second.
    await expect
      .poll(async () => (await own.json<GatewayState>('/state')).reloads.map(({ ok }) => ok), { timeout: 5000 })
      .toEqual([false, true, true])
    const [refused, changed, start] = (await own.json<GatewayState>('/state')).reloads
    expect(refused?.problems.join()).toMatch(/routes\.yaml:\d+:\d+: error .*v7/)
    expect(changed?.patch).toContain('-    ip: [192.168.0.58]\n+    ip: [192.168.0.59]\n')
    expect(start).toMatchObject({ patch: '', problems: expect.anything() })
  })
})

/** The data of a stream's events by their names, until so many sums have come. */
async function events(path: string, sums: number): Promise<ReadonlyMap<string, readonly string[]>> {
  const seen = new Map<string, string[]>()
  for await (const { name, data } of serverSentEvents(await live.ask(path))) {
    seen.set(name, [...(seen.get(name) ?? []), data])
    if (seen.get('traffic')?.length === sums) break
  }
  return seen
}

describe('GET /traffic', () => {
  it('streams the state once, then figures every second and decisions as they come', async () => {
    await live.get('/', { accept: 'text/html' })
    await live.get('/api/devices', { 'x-forwarded-for': '192.168.0.58' })
    const seen = await events('/traffic?window=10', 3)
    expect(seen.get('state')).toHaveLength(1)
    const decisions = seen.get('decisions')!.flatMap((data) => JSON.parse(data) as { path: string; reason: string }[])
    expect(decisions.map(({ path, reason }) => `${path} ${reason}`)).toEqual(['/ stable', '/api/devices rule'])
    const view = JSON.parse(seen.get('traffic')!.at(-1)!) as TrafficView
    expect(view.lanes.map(({ service, version, pool }) => `${version} ${service}@${pool}`).toSorted()).toEqual([
      'v1 frontend@v1',
      'v2 mqtt-server@v2',
    ])
    expect(view.rules).toEqual([{ release: 'shop', rule: 'office', hits: 1, total: 1 }])
    expect(view.coupling).toMatchObject({ crossings: 0, answered: 2 })
  })

  it('is one JSON for who wants JSON, over a window that may be chosen of three', async () => {
    expect(await live.json<TrafficView>('/traffic?window=300')).toMatchObject({ window: 300 })
    expect((await live.ask('/traffic?window=7')).status).toBe(400)
  })

  it('ends with the server, however many watch', async () => {
    await using own = await LiveGateway.start()
    const reading = own.ask('/traffic').then((answer) => answer.text())
    await own.json('/state')
    await own.admin.close()
    await expect(Promise.race([reading.catch(() => 'cut'), sleepFor(5000)])).resolves.toBeDefined()
  })
})

function sleepFor(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), ms).unref())
}

describe('the release verbs', () => {
  it('show first what would change, and write exactly that when asked with its hash: share, promote, rollback', async () => {
    await using own = await LiveGateway.start()
    const before = await own.text()
    const preview = await own.post('/release/share', { version: 'v2', share: '5%' })
    expect(preview).toMatchObject({ status: 200, body: { applied: false, verb: 'share' } })
    expect(preview.body['patch']).toContain('+    share: 5%')
    expect(await own.text()).toBe(before)

    const applied = await own.post('/release/share', { version: 'v2', share: '5%', apply: preview.body['hash'] })
    expect(applied).toMatchObject({ status: 200, body: { applied: true, reload: { ok: true, changed: true } } })
    expect(await own.text()).toContain('v1: # what everyone has')
    expect(own.gateway.configuration().releases[0]?.gray.map(({ condition }) => condition.kind)).toEqual([
      'match',
      'share',
    ])

    const promote = await own.post('/release/promote', { version: 'v2' })
    await own.post('/release/promote', { version: 'v2', apply: promote.body['hash'] })
    expect(own.gateway.configuration().releases[0]?.stable).toBe('v2')
    expect((await own.get('/', { accept: 'text/html' })).version).toBe('v2')

    const rollback = await own.post('/release/rollback', { version: 'v2' })
    await own.post('/release/rollback', { version: 'v2', apply: rollback.body['hash'] })
    expect(own.gateway.configuration().releases[0]?.stable).toBe('v1')
  })

  it('refuse a version that is not listed, an answer to a file that changed meanwhile, and unknown words', async () => {
    expect(await live.post('/release/promote', { version: 'v7' })).toMatchObject({
      status: 422,
      body: { refused: 'unknown-version' },
    })
    expect(await live.post('/release/promote', { version: 'v2', apply: '0'.repeat(64) })).toMatchObject({
      status: 409,
      body: { refused: 'changed' },
    })
    expect((await live.post('/release/promote', { version: 'v2', force: true })).status).toBe(400)
    expect((await live.post('/release/destroy', { version: 'v2' })).status).toBe(404)
  })

  it('give the patch to carry elsewhere when the file is read-only', async () => {
    await using own = await LiveGateway.start()
    await chmod(own.path, 0o444)
    const { body } = await own.post('/release/promote', { version: 'v2' })
    const refused = await own.post('/release/promote', { version: 'v2', apply: body['hash'] })
    expect(refused).toMatchObject({ status: 409, body: { refused: 'read-only' } })
    // A second may have passed.
    const timeless = (patch: unknown): string => String(patch).replace(/since: \S+/, 'since: then')
    expect(timeless(refused.body['patch'])).toBe(timeless(body['patch']))
    expect(own.gateway.configuration().releases[0]?.stable).toBe('v1')
  })
})

describe('GET /openapi.json', () => {
  it('describes every route by the schemas that requests are checked by', async () => {
    const description = await live.json<{
      openapi: string
      paths: Record<
        string,
        Record<string, { summary?: string; requestBody?: { content: Record<string, { schema: object }> } }>
      >
    }>('/openapi.json')
    expect(description.openapi).toBe('3.1.0')
    const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    const gets = ['/config', '/explain', '/healthz', '/metrics', '/openapi.json', '/readyz', '/state', '/traffic']
    const releases = ['add', 'promote', 'retire', 'rollback', 'share'].map((verb) => `/release/${verb}`)
    const posts = ['/explain', ...releases, '/reload']
    expect(operations.toSorted()).toEqual([
      ...gets.map((path) => `GET ${path}`),
      ...posts.map((path) => `POST ${path}`),
    ])
    for (const methods of Object.values(description.paths)) {
      for (const { summary } of Object.values(methods)) expect(summary).toMatch(/\w/)
    }
    const share = description.paths['/release/share']?.['post']?.requestBody?.content['application/json']?.schema
    expect(share).toMatchObject({ required: ['version'], properties: { share: { type: 'string' } } })
  })
})

describe('the dashboard’s files', () => {
  it('are under 60 kB, compressed and all together, and name nothing outside', () => {
    const files = [...dashboardFiles()]
    expect(files.reduce((sum, [, { zipped }]) => sum + zipped.length, 0)).toBeLessThan(60_000)
    for (const [name, { bytes }] of files) {
      const links = bytes.toString().match(/\bhttps?:\/\/(?!www\.w3\.org\/)[^\s'"`]+/g) ?? []
      expect([name, links]).toEqual([name, []])
    }
  })

  it('come with a policy that lets nothing else in, and 304 to who has them', async () => {
    const page = await live.ask('/')
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'")
    const again = await live.ask('/', { headers: { 'if-none-match': page.headers.get('etag')! } })
    expect(again.status).toBe(304)
  })
})

describe('with a token', () => {
  it('the dashboard’s files are open, since they ask for it; everything else, what there is not too, wants it', async () => {
    const admin = await createAdminServer({
      view: live.gateway,
      metrics: live.gateway.metrics,
      listen: { host: '127.0.0.1', port: 0 },
      token: 'a-token-of-sixteen-letters',
    })
    const status = async (path: string, init: RequestInit = {}): Promise<number> =>
      (await fetch(`http://${admin.address}${path}`, init)).status
    try {
      expect(await status('/')).toBe(200)
      expect(await status('/dashboard/app.js')).toBe(200)
      for (const path of ['/state', '/traffic', '/metrics', '/openapi.json', '/nothing', '/dashboard/nothing.js']) {
        expect([path, await status(path)]).toEqual([path, 401])
      }
      expect(await status('/release/promote', { method: 'POST' })).toBe(401)
      expect(await status('/state', { headers: { authorization: 'Bearer a-token-of-sixteen-letters' } })).toBe(200)
    } finally {
      await admin.close()
    }
  })
})
