// Workers that die: the others serve, another takes the place, and it comes up on what is in force, whatever the disk says.

import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { nextDelayMs } from '../../src/cluster/back-off.ts'
import { loadLimitMs } from '../../src/cluster/load-limit.ts'
import { ClusterUnderTest, isGone } from './cluster-process.ts'

/** One that answers while nobody else does. */
async function otherThan(cluster: ClusterUnderTest, pid: number): Promise<number> {
  return (await cluster.pids()).find((other) => other !== pid) as number
}

async function killed(cluster: ClusterUnderTest, pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL')
  await expect.poll(async () => (await cluster.pids()).includes(pid)).toBe(false)
}

describe('a worker that is killed', () => {
  it('takes only its own requests along; the others serve, and it is replaced and counted', async () => {
    await using cluster = await ClusterUnderTest.start()
    const [first, second] = (await cluster.pids()) as [number, number]
    const results: string[] = []
    const ending = { now: false }
    const load = Array.from({ length: 3 }, async () => {
      while (!ending.now) {
        const answer = await cluster.get('/').catch((error: Error) => error)
        results.push(answer instanceof Error ? answer.message : String(answer.status))
        await sleep(5)
      }
    })
    await sleep(200)
    await killed(cluster, first)
    expect((await cluster.admin('/readyz')).body).toBe('ready\n')
    const third = await otherThan(cluster, second).then(() =>
      cluster.becomesReady().then(() => otherThan(cluster, second)),
    )
    ending.now = true
    await Promise.all(load)

    // Three clients, each with one request open at most, when one of two workers went.
    expect(results.filter((result) => result !== '200').length).toBeLessThanOrEqual(3)
    expect(results.length).toBeGreaterThan(50)
    expect(await cluster.withOnly(third, () => cluster.version())).toBe('v1')
    expect(await cluster.count('graylane_worker_restarts_total')).toBe(1)
    expect((await cluster.readiness()).workers.map(({ restarts }) => restarts).toSorted()).toEqual([0, 1])
    expect(cluster.serving.err).toContain(`worker ${first} ended (SIGKILL), another starts in 0.1 s`)
  })

  it('leaves the gateway ready until no worker is', async () => {
    await using cluster = await ClusterUnderTest.start()
    for (const pid of await cluster.pids()) process.kill(pid, 'SIGKILL')
    await expect.poll(async () => (await cluster.admin('/readyz')).status, { interval: 10 }).toBe(503)
    await expect.poll(async () => (await cluster.admin('/readyz')).status, { timeout: 20_000 }).toBe(200)
    expect((await cluster.get('/')).status).toBe(200)
  })

  it('is replaced by one with the configuration in force, also when the file on disk is bad or gone', async () => {
    await using cluster = await ClusterUnderTest.start()
    const { configuration } = await cluster.readiness()
    await cluster.write('stable: v9')
    await expect.poll(async () => (await cluster.readiness()).lastReload.ok, { timeout: 5000 }).toBe(false)
    for (const spoil of [async () => undefined, () => rm(cluster.folder.path)]) {
      await spoil()
      const [first, second] = (await cluster.pids()) as [number, number]
      await killed(cluster, first)
      await cluster.becomesReady()
      const next = await otherThan(cluster, second)
      expect(await cluster.withOnly(next, () => cluster.version())).toBe('v1')
      expect(await cluster.readiness()).toMatchObject({ state: 'ready', configuration })
    }
  })

  it('is replaced by one with the configuration of the last reload, not of the start', async () => {
    await using cluster = await ClusterUnderTest.start()
    await cluster.write('stable: v2')
    expect(await cluster.reload()).toMatchObject({ ok: true })
    const [first, second] = (await cluster.pids()) as [number, number]
    await killed(cluster, first)
    await cluster.becomesReady()
    const next = await otherThan(cluster, second)
    expect(await cluster.withOnly(next, () => cluster.version())).toBe('v2')
  })
})

describe('the primary', () => {
  it('takes its workers along, however it ends', async () => {
    await using cluster = await ClusterUnderTest.start()
    const pids = await cluster.pids()
    await cluster.serving.kill()
    for (const pid of pids) await expect.poll(() => isGone(pid), { timeout: 5000 }).toBe(true)
  })
})

describe('the time that a worker has to load a configuration', () => {
  it('is half a minute, and three seconds more for each MiB that it is given', () => {
    const limitFor = (...mebibytes: readonly number[]): number => {
      const files = new Map(mebibytes.map((size, index) => [`file-${index}`, new Uint8Array(size << 20)]))
      return loadLimitMs({ files, ports: new Map(), learned: new Map() })
    }
    expect(limitFor()).toBe(30_000)
    expect(limitFor(1, 3)).toBe(42_000)
  })
})

describe('the wait before a worker is started again', () => {
  it('doubles from 100 ms to 10 s, and begins anew after a minute of life', () => {
    const waits = [0]
    for (let i = 0; i < 9; i++) waits.push(nextDelayMs(waits.at(-1)!, 500))
    expect(waits.slice(1)).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000])
    expect(nextDelayMs(10_000, 59_999)).toBe(10_000)
    expect(nextDelayMs(10_000, 60_000)).toBe(100)
  })
})
