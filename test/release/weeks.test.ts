// Gray for weeks: a tester who comes every day keeps the version and the pin as long as a rule gives it, comes home after ttl when none
// does, and the pages that were open until then stay whole. The time is the model's.

import { expect, test } from 'vitest'
import { ModelGateway } from '../model/model-gateway.ts'
import { type Plan, ttlSeconds, whoIs } from '../model/plan.ts'
import { bytesOf, chance } from '../model/random.ts'

const ruled: Plan = {
  versions: ['v1', 'v2'],
  lean: new Set(),
  stable: 'v1',
  draining: new Set(),
  rules: [{ version: 'v2', on: { ip: '10.0.0.7' }, fails: false }],
  epoch: 1,
  repin: 'widen',
  settle: 0,
  writtenAt: 0,
}
/** A visit now and then, several within ttl. */
const betweenVisits = ttlSeconds / 3
const visitsOfWeeks = 130

async function scene() {
  let nowMs = 1_800_000_000_000
  const random = chance(7)
  const gateway = await ModelGateway.start(ruled, {
    now: () => nowMs,
    random,
    randomBytes: bytesOf(random),
    isDead: () => false,
    whoIs,
  })
  let cookie: string | undefined
  const ask = (path: string, mode: string) => {
    const fields = [
      ['accept', mode === 'navigate' ? 'text/html' : '*/*'],
      ['sec-fetch-mode', mode],
      ...(cookie === undefined ? [] : [['cookie', `__Host-graylane=${cookie}`] as const]),
    ] as const
    const answer = gateway.ask({ method: 'GET', path, ip: '10.0.0.7', fields })
    const [line] = answer.setCookies
    if (line !== undefined) cookie = line.slice(line.indexOf('=') + 1, line.indexOf(';'))
    return { version: answer.version, status: answer.status, maxAge: line && Number(/Max-Age=(\d+)/.exec(line)?.[1]) }
  }
  return {
    gateway,
    page: () => ask('/', 'navigate'),
    part: () => ask('/api/x', 'cors'),
    pass: (seconds: number) => (nowMs += seconds * 1000),
  }
}

test('a rule that stays gives its version for weeks, and its pin is renewed before it ends', async () => {
  const { gateway, page, part, pass } = await scene()
  let written = 0
  for (let visit = 0; visit < visitsOfWeeks; visit += 1) {
    const { version, maxAge } = page()
    expect(version).toBe('v2')
    if (maxAge !== undefined) {
      written += 1
      // The cookie outlives ttl by a week, for the pages that are open by then.
      expect(maxAge).toBe(ttlSeconds + 7 * 24 * 3600)
    }
    expect(part().version).toBe('v2')
    pass(betweenVisits)
  }
  // Each visit comes later than an eighth of ttl.
  expect(written).toBe(visitsOfWeeks)
  gateway.close()
})

test('a version that no rule gives any more is kept until ttl is over since it was last given, however often one comes', async () => {
  const { gateway, page, part, pass } = await scene()
  expect(page().version).toBe('v2')
  await gateway.reload({ ...ruled, rules: [] })
  const versions = Array.from({ length: 4 }, () => {
    pass(betweenVisits - 1)
    return page().version
  })
  expect(versions).toEqual(['v2', 'v2', 'v2', 'v1'])
  expect(part().version).toBe('v1')
  gateway.close()
})

test('a page that is left open for longer than ttl stays whole all the same', async () => {
  const { gateway, page, part, pass } = await scene()
  expect(page().version).toBe('v2')
  await gateway.reload({ ...ruled, rules: [], draining: new Set(['v2']) })
  pass(6 * 24 * 3600)
  expect(part()).toMatchObject({ status: 200, version: 'v2' })
  expect(page().version).toBe('v1')
  gateway.close()
})

test('a page whose version was retired is told to reload, and is stable then', async () => {
  const { gateway, page, part } = await scene()
  expect(page().version).toBe('v2')
  await gateway.reload({ ...ruled, versions: ['v1'], rules: [] })
  expect(part().status).toBe(409)
  expect(page().version).toBe('v1')
  expect(part()).toMatchObject({ status: 200, version: 'v1' })
  gateway.close()
})
