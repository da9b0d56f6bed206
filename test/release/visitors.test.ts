// 50,000 visitors through a whole release: 5 %, 20 %, promoted, rolled back. Counted one by one, by the real code without sockets.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ModelGateway } from '../model/model-gateway.ts'
import { type Plan, whoIs } from '../model/plan.ts'
import { bytesOf, chance } from '../model/random.ts'

const visitors = 50_000
const random = chance(2026)
let nowMs = 1_800_000_000_000
let gateway: ModelGateway

const around = {
  now: () => nowMs,
  random,
  randomBytes: bytesOf(random),
  isDead: () => false,
  whoIs,
}

const before: Plan = {
  versions: ['v1', 'v2'],
  lean: new Set(),
  stable: 'v1',
  draining: new Set(),
  rules: [],
  epoch: 1,
  repin: 'widen',
  settle: 0,
  writtenAt: 0,
}
const withShare = (share: number): Plan => ({ ...before, rules: [{ version: 'v2', on: { share }, fails: false }] })
const promoted: Plan = { ...before, stable: 'v2', draining: new Set(['v1']) }
const rolledBack: Plan = { ...before, stable: 'v1', draining: new Set(['v2']) }
const rolledBackNow: Plan = { ...before, stable: 'v1', epoch: 2 }

interface Visitor {
  readonly ip: string
  user: string | undefined
  cookie: string | undefined
  /** Of the page that is open. */
  version: string
}

const all: Visitor[] = Array.from({ length: visitors }, (_, index) => ({
  ip: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
  // A third is logged in from the start.
  user: index % 3 === 0 ? `user-${index}` : undefined,
  cookie: undefined,
  version: '',
}))

function ask(
  { ip, user, cookie }: Visitor,
  path: string,
  mode: string,
): { status: number; version: string; setCookie: string | undefined } {
  const cookies = [user && `user=${user}`, cookie && `__Host-graylane=${cookie}`].filter(Boolean).join('; ')
  const { status, version, by, setCookies } = gateway.ask({
    method: 'GET',
    path,
    ip,
    fields: [
      ['accept', mode === 'navigate' ? 'text/html' : '*/*'],
      ['sec-fetch-mode', mode],
      ...(cookies === '' ? [] : [['cookie', cookies] as const]),
    ],
  })
  // The version that is said is the one that answered, and the one that the backend was told.
  if (status === 200 && (by?.version !== version || by?.told.join() !== version))
    throw new Error(`${version} said, ${by?.version} answered`)
  return { status, version: version ?? '', setCookie: setCookies[0] }
}

/** Everybody loads a page and calls its API; how many moved from where to where. */
function everybodyLoads(): Record<string, number> {
  nowMs += 60_000
  const moves: Record<string, number> = {}
  for (const visitor of all) {
    const page = ask(visitor, '/', 'navigate')
    if (page.setCookie !== undefined)
      visitor.cookie = page.setCookie.slice(page.setCookie.indexOf('=') + 1, page.setCookie.indexOf(';'))
    if (page.version !== visitor.version) {
      const move = `${visitor.version}>${page.version}`
      moves[move] = (moves[move] ?? 0) + 1
    }
    visitor.version = page.version
  }
  expectWholePages(200)
  return moves
}

/** What belongs to the pages that are open gets the version of its page, or this status. */
function expectWholePages(status: number, only: (visitor: Visitor) => boolean = () => true): void {
  let wrong = 0
  for (const visitor of all) {
    if (!only(visitor)) continue
    const part = ask(visitor, '/api/x', 'cors')
    if (part.status !== status || (status === 200 && part.version !== visitor.version)) wrong += 1
  }
  expect(wrong).toBe(0)
}

const onV2 = (): number => all.filter(({ version }) => version === 'v2').length

/** Within four standard deviations of a binomial distribution: a fair draw misses that once in 16,000 times, and this one is always the same. */
function expectSpread(count: number, share: number): void {
  const sigma = Math.sqrt(visitors * share * (1 - share))
  expect(Math.abs(count - visitors * share)).toBeLessThan(4 * sigma)
}

beforeAll(async () => {
  gateway = await ModelGateway.start(before, around)
})
afterAll(() => gateway.close())

describe('50,000 visitors', { timeout: 180_000 }, () => {
  test('are all on v1 before', () => {
    expect(everybodyLoads()).toEqual({ '>v1': visitors })
  })

  test('5 % of them go to v2, at random', async () => {
    await gateway.reload(withShare(500))
    expectWholePages(200)
    const moves = everybodyLoads()
    expect(Object.keys(moves)).toEqual(['v1>v2'])
    expectSpread(onV2(), 0.05)
    const loggedIn = all.filter(({ user, version }) => user !== undefined && version === 'v2').length
    expect(Math.abs(loggedIn / onV2() - 1 / 3)).toBeLessThan(4 * Math.sqrt(((1 / 3) * (2 / 3)) / onV2()))
  })

  test('and stay who they are, logged in, logged out, and at another address', () => {
    for (const [index, visitor] of all.entries()) {
      if (index % 5 === 0) visitor.user = visitor.user === undefined ? `new-${index}` : undefined
    }
    expect(everybodyLoads()).toEqual({})
  })

  test('20 %: only people of v1 move, and only to v2', async () => {
    const first = onV2()
    await gateway.reload(withShare(2000))
    expectWholePages(200)
    const moves = everybodyLoads()
    expect(Object.keys(moves)).toEqual(['v1>v2'])
    expectSpread(onV2(), 0.2)
    expect(onV2()).toBe(first + moves['v1>v2']!)
  })

  test('a narrower share takes nobody back', async () => {
    await gateway.reload(withShare(100))
    expect(everybodyLoads()).toEqual({})
  })

  test('promoted: open pages stay whole, and the next page of everybody is v2', async () => {
    const onV1 = visitors - onV2()
    await gateway.reload(promoted)
    expectWholePages(200)
    expect(everybodyLoads()).toEqual({ 'v1>v2': onV1 })
  })

  test('rolled back: open pages stay whole, and the next page of everybody is v1', async () => {
    await gateway.reload(rolledBack)
    expectWholePages(200)
    expect(everybodyLoads()).toEqual({ 'v2>v1': visitors })
  })

  test('rolled back at once: every page that was open is told to reload, and is v1 then', async () => {
    await gateway.reload(promoted)
    everybodyLoads()
    await gateway.reload(rolledBackNow)
    expectWholePages(409)
    expect(everybodyLoads()).toEqual({ 'v2>v1': visitors })
  })
})
