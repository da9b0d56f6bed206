// Several processes end as one.

import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { startSlowBackend } from '../support/slow-backend.ts'
import { ClusterUnderTest, isGone, signal, stop } from './cluster-process.ts'

async function withSlowBackend(url: string): Promise<ClusterUnderTest> {
  const cluster = await ClusterUnderTest.start()
  await cluster.folder.write(cluster.yaml().replace(/v1: \{ frontend: "[^"]*"/, `v1: { frontend: "${url}"`))
  expect(await cluster.reload()).toMatchObject({ ok: true })
  return cluster
}

/** A request that is waited for later. What becomes of it when the test has failed before is nobody's business. */
function asked(cluster: ClusterUnderTest): Promise<{ status: number; body: string }> {
  const answer = cluster.get('/')
  answer.catch(() => undefined)
  return answer
}

/** Of one more request. A worker that was not told yet takes it, and it waits with the others. */
function whatComesOf(cluster: ClusterUnderTest): Promise<string> {
  const answer = asked(cluster).then(
    ({ status }) => String(status),
    (error: Error) => error.message,
  )
  return Promise.race([answer, sleep(200, 'it waits')])
}

describe('SIGTERM', () => {
  it('lets open requests of all workers end, takes no new ones, leaves no process and exits with 0', async () => {
    const backend = await startSlowBackend()
    await using cluster = await withSlowBackend(backend.url)
    const pids = await cluster.pids()
    // One after the other, so that both workers have some.
    const open: Promise<{ status: number; body: string }>[] = []
    for (const pid of pids) {
      await cluster.withOnly(pid, async () => {
        const before = backend.waiting()
        open.push(asked(cluster), asked(cluster))
        await expect.poll(backend.waiting).toBe(before + 2)
      })
    }
    cluster.serving.child.kill('SIGTERM')
    await expect.poll(async () => (await cluster.admin('/readyz')).body).toBe('draining\n')
    await expect.poll(() => whatComesOf(cluster)).toMatch(/ECONNREFUSED/)
    backend.release()
    for (const answer of await Promise.all(open)) expect(answer).toMatchObject({ status: 200, body: 'late' })
    expect(await cluster.serving.ended()).toBe(0)
    expect(await Promise.all(pids.map(isGone))).toEqual([true, true])
    backend.close()
  })

  it('to the whole group, as a supervisor sends it, is the same', async () => {
    const backend = await startSlowBackend()
    await using cluster = await withSlowBackend(backend.url)
    const open = asked(cluster)
    await expect.poll(backend.waiting).toBe(1)
    for (const pid of await cluster.pids()) process.kill(pid, 'SIGTERM')
    cluster.serving.child.kill('SIGTERM')
    await expect.poll(async () => (await cluster.admin('/readyz')).body).toBe('draining\n')
    backend.release()
    expect(await open).toMatchObject({ status: 200, body: 'late' })
    expect(await cluster.serving.ended()).toBe(0)
    expect(await cluster.serving.err).not.toContain('another starts')
    backend.close()
  })

  it('is not held up by a reload that waits for a worker that hangs', async () => {
    const backend = await startSlowBackend()
    await using cluster = await withSlowBackend(backend.url)
    const [hung, other] = (await cluster.pids()) as [number, number]
    await stop(hung)
    const open = asked(cluster)
    await expect.poll(backend.waiting).toBe(1)
    await cluster.write('stable: v2')
    cluster.serving.child.kill('SIGHUP')
    // Time enough for the other one to be ready for it.
    await sleep(1000)
    cluster.serving.child.kill('SIGTERM')
    backend.release()
    expect(await open).toMatchObject({ status: 200, body: 'late' })
    await expect.poll(() => isGone(other), { timeout: 10_000 }).toBe(true)
    signal(hung, 'SIGCONT')
    expect(await cluster.serving.ended()).toBe(0)
    // The one that withSlowBackend made.
    expect(cluster.serving.err.match(/is in force/g)).toHaveLength(1)
    backend.close()
  })

  it('a second time ends all at once', async () => {
    const backend = await startSlowBackend()
    await using cluster = await withSlowBackend(backend.url)
    const pids = await cluster.pids()
    const open = cluster.get('/').catch(() => 'broken off')
    await expect.poll(backend.waiting).toBe(1)
    cluster.serving.child.kill('SIGTERM')
    await cluster.serving.says(/draining/)
    cluster.serving.child.kill('SIGTERM')
    expect(await cluster.serving.ended()).toBe(143)
    expect(await open).toBe('broken off')
    for (const pid of pids) await expect.poll(() => isGone(pid), { timeout: 5000 }).toBe(true)
    backend.close()
  })
})

describe('SIGHUP', () => {
  it('reloads in all workers', async () => {
    await using cluster = await ClusterUnderTest.start()
    await cluster.write('stable: v2')
    cluster.serving.child.kill('SIGHUP')
    await expect.poll(() => cluster.version(), { timeout: 5000 }).toBe('v2')
    for (const pid of await cluster.pids()) expect(await cluster.withOnly(pid, () => cluster.version())).toBe('v2')
  })
})
