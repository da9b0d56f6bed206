// Active health checks at a real gateway: backends that would serve but say that they are not well.

import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { sendRaw } from '../support/raw-request.ts'
import { type StartedGateway, startGateway } from '../support/started-gateway.ts'
import { CheckedBackend } from './checked-backend.ts'

const check = '{ path: "/healthz?deep", interval: 50ms, timeout: 100ms, unhealthyThreshold: 3, healthyThreshold: 2 }'

class Scene implements AsyncDisposable {
  readonly edge: StartedGateway
  readonly stable: CheckedBackend
  readonly one: CheckedBackend
  readonly twin: CheckedBackend

  private constructor(edge: StartedGateway, backends: readonly [CheckedBackend, CheckedBackend, CheckedBackend]) {
    this.edge = edge
    ;[this.stable, this.one, this.twin] = backends
  }

  /** v1 of one endpoint, v2 of two; 127.0.0.58 is on v2, 127.0.0.59 too but would rather fail. */
  static async start(
    healthCheck = check,
    prepare: (scene: { readonly one: CheckedBackend }) => void = () => {},
  ): Promise<Scene> {
    const backends = [
      await CheckedBackend.start('v1'),
      await CheckedBackend.start('v2'),
      await CheckedBackend.start('v2'),
    ] as const
    prepare({ one: backends[1] })
    return new Scene(await startGateway(routes(backends, healthCheck)), backends)
  }

  /** @param more further lines of the file */
  async reloadWith(healthCheck: string, more = ''): Promise<void> {
    await this.edge.reload(routes([this.stable, this.one, this.twin], healthCheck) + more)
  }

  async page(from = '127.0.0.58'): Promise<string> {
    const { status, body } = await this.#ask(from, ['GET / HTTP/1.1', 'Accept: text/html'])
    return status === 200 ? body : String(status)
  }

  /** A call of a page of v2. */
  call(cookie: string) {
    return this.#ask('127.0.0.58', ['GET /api HTTP/1.1', 'Accept: */*', `Cookie: ${cookie}`])
  }

  async cookie(): Promise<string> {
    const { fields } = await this.#ask('127.0.0.58', ['GET / HTTP/1.1', 'Accept: text/html'])
    return fields.find(([name]) => name.toLowerCase() === 'set-cookie')![1].split(';')[0]!
  }

  #ask(from: string, [line, ...fields]: readonly string[]) {
    const target = { host: '127.0.0.1', port: this.edge.port, from }
    return sendRaw(target, [line!, 'Host: shop.test', ...fields, 'Connection: close'])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.edge.close()
    for (const backend of [this.stable, this.one, this.twin]) await backend[Symbol.asyncDispose]()
  }
}

function routes([v1, one, twin]: readonly CheckedBackend[], healthCheck: string): string {
  return `listen: [{ port: 0, address: 127.0.0.1 }]
services: { app: { ${healthCheck === '' ? '' : `healthCheck: ${healthCheck}`} } }
versions:
  v1: { app: "${v1!.url}" }
  v2: { app: ["${one!.url}", "${twin!.url}"] }
stable: v1
gray:
  - { name: office, version: v2, ip: [127.0.0.58] }
  - { name: strict, version: v2, ip: [127.0.0.59], onUnavailable: fail }
accessLog: off
`
}

/** Until as many more questions came, and were answered or given up. */
async function questions(backend: CheckedBackend, more: number): Promise<void> {
  const wanted = backend.questions + more
  await expect.poll(() => backend.questions, { timeout: 5000, interval: 10 }).toBeGreaterThanOrEqual(wanted)
}

async function pages(scene: Scene, n: number): Promise<void> {
  for (let i = 0; i < n; i += 1) await scene.page()
}

test('an endpoint that says it is not well gets no requests, though it would answer them, until it is well again', async () => {
  await using scene = await Scene.start()
  const { one, twin } = scene
  await questions(one, 2)
  await pages(scene, 6)
  expect(one.served).toBeGreaterThan(0)
  expect(one.asked?.headers).toMatchObject({
    'x-version': 'v2',
    'user-agent': 'graylane-health-check',
    host: one.url.slice(7),
  })

  one.health = 503
  await questions(one, 5)
  const before = one.served
  await pages(scene, 6)
  expect(one.served).toBe(before)
  expect(twin.served).toBeGreaterThanOrEqual(6)

  one.health = 200
  await questions(one, 4)
  await pages(scene, 6)
  expect(one.served).toBeGreaterThan(before)
})

test('fewer bad answers in a row than the threshold are no matter', async () => {
  await using scene = await Scene.start(check.replace('unhealthyThreshold: 3', 'unhealthyThreshold: 100'))
  await questions(scene.one, 2)
  scene.one.health = 500
  await questions(scene.one, 5)
  await pages(scene, 6)
  expect(scene.one.served).toBeGreaterThan(0)
})

test('the first answer of all decides alone: a gateway that starts sends nobody to an endpoint that is not well', async () => {
  const slow = check.replace('unhealthyThreshold: 3', 'unhealthyThreshold: 100')
  await using scene = await Scene.start(slow, ({ one }) => (one.health = 503))
  await questions(scene.one, 2)
  const before = scene.one.served
  await pages(scene, 6)
  expect(scene.one.served).toBe(before)
})

test('one that does not answer in time is not well', async () => {
  await using scene = await Scene.start()
  await questions(scene.one, 2)
  scene.one.health = 'silent'
  await questions(scene.one, 5)
  const before = scene.one.served
  await pages(scene, 6)
  expect(scene.one.served).toBe(before)
})

test('a version without any endpoint that is well gives its pages to stable whole, fails its calls, and comes back', async () => {
  await using scene = await Scene.start()
  const { one, twin } = scene
  await questions(one, 2)
  const cookie = await scene.cookie()
  one.health = 503
  twin.health = 503
  await expect.poll(() => scene.page(), { timeout: 8000 }).toBe('v1')
  const served = one.served + twin.served
  const call = await scene.call(cookie)
  expect([call.status, call.fields.find(([name]) => name === 'retry-after')?.[1]]).toEqual([503, '2'])
  expect(await scene.page('127.0.0.59')).toBe('503')
  expect(one.served + twin.served).toBe(served)

  one.health = 204
  await expect.poll(() => scene.page(), { timeout: 8000 }).toBe('v2')
  expect((await scene.call(cookie)).status).toBe(200)
  // No half measures meanwhile: from here on it is there for good.
  for (let i = 0; i < 20; i += 1) expect(await scene.page()).toBe('v2')
})

test('what a check held out is free when the configuration has no check any more', async () => {
  await using scene = await Scene.start()
  const { one } = scene
  await questions(one, 2)
  one.health = 503
  await questions(one, 5)
  await scene.reloadWith('')
  const before = one.served
  await pages(scene, 6)
  expect(one.served).toBeGreaterThan(before)
  const asked = one.questions
  await scene.page()
  expect(one.questions - asked).toBeLessThanOrEqual(1)
})

test('a reload that changes nothing about checks forgets nothing', async () => {
  await using scene = await Scene.start()
  await questions(scene.one, 2)
  scene.one.health = 503
  await questions(scene.one, 5)
  await scene.reloadWith(check, '# another edit\n')
  const before = scene.one.served
  await pages(scene, 6)
  expect(scene.one.served).toBe(before)
})

test('what a check held out stays out when a reload asks it differently, until it answers that it is well', async () => {
  await using scene = await Scene.start()
  const { one, edge } = scene
  await questions(one, 2)
  one.health = 'silent'
  await questions(one, 5)
  const out = edge.gateway.endpointsOut()
  expect(out).toEqual([one.url.slice(7)])
  await scene.reloadWith(check.replace('timeout: 100ms', 'timeout: 5s'))
  expect(edge.gateway.endpointsOut()).toEqual(out)
  const before = one.served
  await pages(scene, 6)
  expect(one.served).toBe(before)

  one.health = 200
  await scene.reloadWith(check.replace('healthyThreshold: 2', 'healthyThreshold: 100'))
  await expect.poll(() => edge.gateway.endpointsOut(), { timeout: 5000 }).toEqual([])
})

test('what a check held out stays out when a reload changes the rules of its pool', async () => {
  await using scene = await Scene.start(`${check}, trafficPolicy: { connectionPool: { tcp: { maxConnections: 90 } } }`)
  const { one, twin, edge } = scene
  await questions(one, 2)
  one.health = twin.health = 'silent'
  await expect.poll(() => scene.page(), { timeout: 8000 }).toBe('v1')
  const served = one.served + twin.served
  const slow = check.replace('timeout: 100ms', 'timeout: 5s')
  for (const healthCheck of [check, slow]) {
    await scene.reloadWith(`${healthCheck}, trafficPolicy: { connectionPool: { tcp: { maxConnections: 91 } } }`)
    for (let i = 0; i < 6; i += 1) expect(await scene.page()).toBe('v1')
  }
  expect(one.served + twin.served).toBe(served)
  expect(edge.gateway.endpointsOut()).toHaveLength(2)
})

test('nor do probes bring it back before the check has asked under the new rules', async () => {
  const rare = check.replace('interval: 50ms', 'interval: 60s')
  const rules = (most: number): string =>
    `${rare}, trafficPolicy: { connectionPool: { tcp: { maxConnections: ${most} } } }`
  await using scene = await Scene.start(rules(90), ({ one }) => (one.health = 'silent'))
  const out = (): readonly string[] => scene.edge.gateway.endpointsOut()
  await expect.poll(out).toHaveLength(1)
  await scene.reloadWith(rules(91))
  // Two of them, twice a second, would do.
  await sleep(2000)
  expect(out()).toHaveLength(1)
})

test('an endpoint that a reload adds is asked at once', async () => {
  const rare = check.replace('interval: 50ms', 'interval: 60s')
  await using scene = await Scene.start(rare)
  const { stable, one, twin, edge } = scene
  const all = routes([stable, one, twin], rare)
  await edge.reload(all.replace(`"${one.url}", `, ''))
  one.health = 503
  await edge.reload(all)
  await expect.poll(() => edge.gateway.endpointsOut(), { timeout: 5000 }).toEqual([one.url.slice(7)])
})
