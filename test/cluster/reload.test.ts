// A reload is in force in all workers, or in none.

import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { loadLimitMs } from '../../src/cluster/load-limit.ts'
import type { ToWorker } from '../../src/cluster/messages.ts'
import { commitAll, prepareAll } from '../../src/cluster/switch-together.ts'
import { NoAnswer, type WorkerProcess } from '../../src/cluster/worker-process.ts'
import type { Echo } from '../support/echo-backend.ts'
import { asJason, asPage, ClusterUnderTest, signal, stop } from './cluster-process.ts'

async function start(): Promise<ClusterUnderTest> {
  const cluster = await ClusterUnderTest.start()
  await writeRound(cluster, 0)
  expect(await cluster.reload()).toMatchObject({ ok: true })
  return cluster
}

/** Every answer says under which configuration it was made. */
async function writeRound(cluster: ClusterUnderTest, n: number, more = ''): Promise<void> {
  const stamp = `{ frontend: { headers: { response: { set: { x-round: "${n}" } } } } }`
  await cluster.folder.write(cluster.yaml(more).replace('{ frontend: {} }', stamp))
}

describe('a reload', () => {
  it('under load, good and bad by turns, fails no request, crosses no page, and is in force everywhere when it has ended', async () => {
    await using cluster = await start()
    const wrong: string[] = []
    const ending = { now: false }
    /** What every answer to a request that begins now has to be of, at least. */
    let inForce = 0
    let answers = 0
    const visitors = [asJason, 'Cookie: user=anna', asJason, 'Cookie: user=bert'].map(async (who) => {
      while (!ending.now) {
        const page = await cluster.get('/', asPage, who)
        const pin = `Cookie: ${page.fields.get('set-cookie')?.split(';')[0]}`
        const version = page.fields.get('x-version')
        for (let i = 0; i < 3; i++) {
          const least = inForce
          const part = await cluster.get('/part', pin)
          const seen = Number(part.fields.get('x-round'))
          answers++
          if (part.status !== 200) wrong.push(`status ${part.status}`)
          if ((JSON.parse(part.body) as Echo).version !== version) wrong.push(`${version} crossed`)
          if (seen < least) wrong.push(`round ${seen} answered when ${least} was in force`)
        }
      }
    })
    for (let n = 1; n <= 12; n++) {
      const bad = n % 3 === 0
      await writeRound(cluster, n, bad ? 'stable: v9\n' : `limits: { connections: ${1000 + n} }\n`)
      const { ok } = await cluster.reload()
      expect(ok).toBe(!bad)
      if (ok) inForce = n
      await sleep(100)
    }
    ending.now = true
    await Promise.all(visitors)
    expect([...new Set(wrong)]).toEqual([])
    expect(answers).toBeGreaterThan(100)
    for (const pid of await cluster.pids()) {
      expect((await cluster.withOnly(pid, () => cluster.get('/'))).fields.get('x-round')).toBe('11')
    }
  })

  it.each<[string, (yaml: string, takenPort: number) => string, RegExp]>([
    [
      'opens a port that is taken',
      (yaml, port) =>
        yaml.replace('listen: [', `listen: [{ port: 0, address: 127.0.0.2 }, { port: ${port}, address: 127.0.0.1 }, `),
      /is taken by another process/,
    ],
    [
      'logs where workers cannot write',
      (yaml) => `${yaml}accessLog: { path: missing/access.log }\n`,
      /missing.*its directory is not there/,
    ],
  ])('that %s changes nothing in any worker, and says why', async (_what, spoil, why) => {
    await using cluster = await start()
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const good = cluster.yaml().replace('stable: v1', 'stable: v2')
    await cluster.folder.write(spoil(good, port))
    for (let tries = 0; tries < 3; tries++) {
      expect(await cluster.reload()).toMatchObject({ ok: false, problems: [{ message: expect.stringMatching(why) }] })
    }
    for (const pid of await cluster.pids()) {
      expect(await cluster.withOnly(pid, () => cluster.version())).toBe('v1')
    }
    expect((await cluster.readiness()).lastReload.ok).toBe(false)
    expect(await cluster.count('graylane_config_reload_failures_total')).toBeGreaterThan(2)
    taken.close()
    // The next one that is good finds nothing in its way.
    await cluster.folder.write(good)
    expect(await cluster.reload()).toMatchObject({ ok: true })
    expect(await cluster.version()).toBe('v2')
    expect(await cluster.count('graylane_worker_restarts_total')).toBe(0)
  })

  it('goes on without a worker that dies in the midst of it, and the next one starts with what is in force then', async () => {
    await using cluster = await start()
    const [first, second] = (await cluster.pids()) as [number, number]
    await stop(first)
    await cluster.folder.write(cluster.yaml().replace('stable: v1', 'stable: v2'))
    const reload = cluster.reload()
    // The other one is ready by now; nothing has switched.
    await sleep(1000)
    expect(await cluster.version()).toBe('v1')
    signal(first, 'SIGKILL')
    expect(await reload).toMatchObject({ ok: true })
    expect(await cluster.version()).toBe('v2')
    await cluster.becomesReady()
    const third = (await cluster.pids()).find((pid) => pid !== second) as number
    expect(await cluster.withOnly(third, () => cluster.version())).toBe('v2')
  })

  it('has a worker that is started meanwhile wait for its end', async () => {
    await using cluster = await start()
    const [first, second] = (await cluster.pids()) as [number, number]
    await stop(second)
    await cluster.folder.write(cluster.yaml().replace('stable: v1', 'stable: v2'))
    const reload = cluster.reload()
    signal(first, 'SIGKILL')
    await cluster.serving.says(/another starts/)
    // Time enough to start on what is in force now, if it did not wait.
    await sleep(3000)
    signal(second, 'SIGCONT')
    expect(await reload).toMatchObject({ ok: true })
    await cluster.becomesReady()
    const third = (await cluster.pids()).find((pid) => pid !== second) as number
    expect(await cluster.withOnly(third, () => cluster.version())).toBe('v2')
  })

  it('opens and closes ports in all workers, and keeps the one that the kernel chose', async () => {
    await using cluster = await start()
    const before = cluster.serving.listener
    const good = cluster.yaml()
    const listeners = async (): Promise<string[]> => {
      const body = JSON.parse((await cluster.admin('/readyz?verbose')).body) as {
        listeners: { address: string; port: number }[]
      }
      return body.listeners.map(({ address, port }) => `${address}:${port}`)
    }
    await cluster.folder.write(good.replace('listen: [', 'listen: [{ port: 0, address: 127.0.0.2 }, '))
    expect(await cluster.reload()).toMatchObject({ ok: true })
    const [second] = (await listeners()).filter((address) => address.startsWith('127.0.0.2'))
    expect(await listeners()).toContain(before)
    for (const pid of await cluster.pids()) {
      expect((await cluster.withOnly(pid, () => cluster.at(second as string))).status).toBe(200)
    }
    await cluster.folder.write(good)
    expect(await cluster.reload()).toMatchObject({ ok: true })
    expect(await listeners()).toEqual([before])
    await expect(cluster.at(second as string)).rejects.toThrow(/ECONNREFUSED/)
  })
})

/** A worker that answers `prepare` like this and notes what it is told. */
function worker(prepare: () => Promise<unknown>, commit: () => Promise<unknown> = async () => []) {
  const told: ToWorker['kind'][] = []
  const kill = vi.fn<() => void>()
  const ask = (kind: string): Promise<unknown> => (kind === 'prepare' ? prepare() : commit())
  const process = { pid: 1, ended: false, ask, tell: ({ kind }: ToWorker) => told.push(kind), kill }
  return { process: process as unknown as WorkerProcess, told, kill }
}

const nothing = { files: new Map(), ports: new Map(), learned: new Map() }
const ready = async () => ({ snapshot: 'abc' })

describe('the time to load', () => {
  it('is half a minute, and more for long lists', () => {
    const files = new Map([['users.txt', { length: 20 * 1024 ** 2 } as Uint8Array]])
    expect([loadLimitMs(nothing), loadLimitMs({ files, ports: new Map(), learned: new Map() })]).toEqual([
      30_000, 90_000,
    ])
  })
})

describe('the two steps', () => {
  it.each<[string, () => Promise<unknown>, RegExp]>([
    ['makes something else of the files', async () => ({ snapshot: 'xyz' }), /makes xyz of it/],
    [
      'has problems',
      async () => ({
        problems: [{ file: 'f', line: 1, column: 1, severity: 'error', code: 'c', message: 'no such thing' }],
      }),
      /no such thing/,
    ],
  ])('are given up by all when one %s', async (_what, prepare, why) => {
    const [good, bad] = [worker(ready), worker(prepare)]
    await expect(prepareAll([good.process, bad.process], nothing, 'abc')).rejects.toThrow(why)
    expect([good.told, bad.told]).toEqual([['abandon'], ['abandon']])
  })

  it('are taken without one that does not answer in time, which is ended; when none does, nothing is', async () => {
    const late = (): Promise<never> => Promise.reject(new NoAnswer('late'))
    const [good, hangs] = [worker(ready), worker(late)]
    await expect(prepareAll([good.process, hangs.process], nothing, 'abc')).resolves.toBeUndefined()
    expect(hangs.kill).toHaveBeenCalledOnce()
    const all = [worker(late), worker(late)]
    const reload = prepareAll(
      all.map(({ process }) => process),
      nothing,
      'abc',
    )
    await expect(reload).rejects.toThrow(/no worker was ready within 30 s/)
    for (const { kill, told } of all) expect([kill.mock.calls, told]).toEqual([[], ['abandon']])
  })

  it('are taken without one that ended', async () => {
    const [good, gone] = [worker(ready), worker(() => Promise.reject(new NoAnswer('ended')))]
    await expect(prepareAll([good.process, gone.process], nothing, 'abc')).resolves.toBeUndefined()
    expect(good.told).toEqual([])
  })

  it('end a worker that does not take the second', async () => {
    const hangs = worker(ready, () => Promise.reject(new NoAnswer('late')))
    const listeners = [{ name: '8080' }]
    expect(await commitAll([hangs.process, worker(ready, async () => listeners).process])).toEqual(listeners)
    expect(hangs.kill).toHaveBeenCalledOnce()
  })
})
