// Health is one view: what one worker meets, all know.

import { describe, expect, it } from 'vitest'
import { FollowingEndpoints, type HealthSign, LeadingEndpoints } from '../../src/gateway.ts'
import { startEchoBackend } from '../support/echo-backend.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import { CheckedBackend } from '../health/checked-backend.ts'
import { asJason, asPage, ClusterUnderTest } from './cluster-process.ts'

describe('a version whose pool is out', () => {
  it('is unavailable in every worker, also in one that never asked it and one that started later, and comes back in all', async () => {
    await using cluster = await ClusterUnderTest.start()
    const [first, second] = (await cluster.pids()) as [number, number]
    const page = (): Promise<string | undefined> => cluster.version(asPage, asJason)
    expect(await page()).toBe('v2')
    const [, v2] = cluster.backends
    await v2.close()
    expect((await cluster.withOnly(first, () => cluster.get('/', asPage, asJason))).status).toBe(503)
    await sleep(2200)
    // Its first request: had it to find out by itself, this would be 503.
    expect(await cluster.withOnly(second, page)).toBe('v1')
    expect(await cluster.withOnly(first, page)).toBe('v1')

    process.kill(first, 'SIGKILL')
    await expect.poll(async () => (await cluster.pids()).includes(first)).toBe(false)
    await cluster.becomesReady()
    const third = (await cluster.pids()).find((pid) => pid !== second) as number
    expect(await cluster.withOnly(third, page)).toBe('v1')

    const back = await startEchoBackend('frontend', 'v2', '127.0.0.1', v2.port)
    await expect.poll(page, { timeout: 10_000 }).toBe('v2')
    for (const pid of [second, third]) expect(await cluster.withOnly(pid, page)).toBe('v2')
    await back.close()
  })
})

describe('an endpoint that says it is not well', () => {
  it('is asked by one process and known to all', async () => {
    await using well = await CheckedBackend.start('v2')
    await using cluster = await ClusterUnderTest.start()
    const check = 'healthCheck: { path: "/healthz?deep", interval: 50ms }'
    const [, { url }] = cluster.backends
    const services = `services: { frontend: { ${check} } }`
    await cluster.folder.write(
      cluster
        .yaml()
        .replace(/services:.*/, services)
        .replace(url, well.url),
    )
    await expect.poll(() => well.questions, { timeout: 10_000 }).toBeGreaterThan(2)
    well.health = 503
    for (const pid of await cluster.pids()) {
      const page = () => cluster.get('/', asPage, asJason)
      await cluster.withOnly(pid, () =>
        expect.poll(async () => (await page()).body, { timeout: 10_000 }).toContain('"version":"v1"'),
      )
    }
  })
})

describe('shared health', () => {
  /** A leader and its followers, whose signs it hears at once unless they are held back. */
  function party(): {
    leader: LeadingEndpoints
    followers: FollowingEndpoints[]
    held: HealthSign[]
    hold: (yes: boolean) => void
  } {
    const held: HealthSign[] = []
    let holding = false
    const followers: FollowingEndpoints[] = []
    const leader = new LeadingEndpoints(() => {
      for (const follower of followers) follower.follow(leader.list())
    })
    const tell = (sign: HealthSign): void => void (holding ? held.push(sign) : leader.hear(sign))
    followers.push(new FollowingEndpoints(tell), new FollowingEndpoints(tell))
    for (const all of [leader, ...followers]) all.at('127.0.0.1', 80)
    return { leader, followers, held, hold: (yes) => (holding = yes) }
  }

  const keysOut = (endpoints: { out(): readonly { key: string }[] }): string[] => endpoints.out().map(({ key }) => key)

  it('takes an endpoint out at once where it refused, and everywhere when the leader knows', () => {
    const { leader, followers, held, hold } = party()
    const [first, second] = followers as [FollowingEndpoints, FollowingEndpoints]
    hold(true)
    first.markDown(first.at('127.0.0.1', 80))
    expect([keysOut(first), keysOut(second)]).toEqual([['127.0.0.1:80'], []])
    leader.hear(held[0] as HealthSign)
    expect([leader, first, second].map(keysOut)).toEqual([['127.0.0.1:80'], ['127.0.0.1:80'], ['127.0.0.1:80']])
    // More of the same is not told again.
    first.markDown(first.at('127.0.0.1', 80))
    expect(held).toHaveLength(1)
  })

  it('brings it back everywhere by two good signs, whoever gives them, and by none alone', () => {
    const { leader, followers } = party()
    const [first, second] = followers as [FollowingEndpoints, FollowingEndpoints]
    first.markDown(first.at('127.0.0.1', 80))
    second.markUp(second.at('127.0.0.1', 80))
    expect([leader, first, second].map(keysOut)).toEqual([['127.0.0.1:80'], ['127.0.0.1:80'], ['127.0.0.1:80']])
    leader.markUp(leader.at('127.0.0.1', 80))
    expect([leader, first, second].map(keysOut)).toEqual([[], [], []])
  })

  it('keeps out everywhere what a check of the leader holds, whatever followers meet', () => {
    const { leader, followers } = party()
    const [first, second] = followers as [FollowingEndpoints, FollowingEndpoints]
    leader.hold(leader.at('127.0.0.1', 80))
    for (let i = 0; i < 5; i += 1) for (const each of followers) each.markUp(each.at('127.0.0.1', 80))
    expect([leader, first, second].map(keysOut)).toEqual([['127.0.0.1:80'], ['127.0.0.1:80'], ['127.0.0.1:80']])
    leader.letGo(leader.at('127.0.0.1', 80))
    expect([leader, first, second].map(keysOut)).toEqual([[], [], []])
  })

  it('counts from when it went out, also in a process that began later', () => {
    const { leader } = party()
    const late = new FollowingEndpoints(() => undefined)
    const state = late.at('127.0.0.1', 80)
    late.follow([{ key: '127.0.0.1:80', forMs: 3_600_000 }])
    expect(late.isLongOut(state)).toBe(true)
    late.follow([{ key: '127.0.0.1:80', forMs: 100 }])
    expect([late.isLongOut(state), keysOut(late)]).toEqual([false, ['127.0.0.1:80']])
    leader.markDown(leader.at('127.0.0.1', 80))
    expect(leader.list()).toEqual([{ key: '127.0.0.1:80', forMs: expect.closeTo(0, -3) }])
  })

  it('lets a follower have back what the leader does not know', () => {
    const { followers } = party()
    const [first] = followers as [FollowingEndpoints]
    const elsewhere = first.at('127.0.0.9', 80)
    first.markDown(elsewhere)
    expect(keysOut(first)).toEqual([])
  })
})
