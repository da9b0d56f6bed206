// Two processes that are one gateway to everybody outside.

import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { graylane } from '../cli/graylane-process.ts'
import type { Echo } from '../support/echo-backend.ts'
import { asJason, asPage, ClusterUnderTest } from './cluster-process.ts'

describe('two workers', () => {
  let cluster: ClusterUnderTest

  beforeAll(async () => {
    cluster = await ClusterUnderTest.start('accessLog: { path: access.log }')
  })
  afterAll(() => cluster[Symbol.asyncDispose]())

  it('share one port: while either one hangs, the other answers everybody', async () => {
    const pids = await cluster.pids()
    expect(pids).toHaveLength(2)
    for (const pid of pids) {
      await cluster.withOnly(pid, async () => {
        for (let i = 0; i < 20; i++) expect((await cluster.get('/')).status).toBe(200)
      })
    }
  })

  it('verify each other’s pins though no key is configured, and a worker started later does too', async () => {
    const [first, second] = (await cluster.pids()) as [number, number]
    const given = await cluster.withOnly(first, () => cluster.get('/', asPage, asJason))
    const pin = `Cookie: ${given.fields.get('set-cookie')?.split(';')[0]}`
    expect(pin).toMatch(/^Cookie: graylane=1\./)
    expect(await cluster.version(pin)).toBe('v2')
    expect(await cluster.withOnly(second, () => cluster.version(pin))).toBe('v2')

    process.kill(first, 'SIGKILL')
    await expect.poll(async () => (await cluster.pids()).includes(first)).toBe(false)
    await cluster.becomesReady()
    const third = (await cluster.pids()).find((pid) => pid !== second) as number
    expect(await cluster.withOnly(third, () => cluster.version(pin))).toBe('v2')
    expect((await cluster.admin('/metrics')).body).not.toContain('event="forged"')
  })

  it('have one name in Via, so that a loop through the other one is found', async () => {
    const names = new Set<string | undefined>()
    for (const pid of await cluster.pids()) {
      const echo = JSON.parse((await cluster.withOnly(pid, () => cluster.get('/'))).body) as Echo
      names.add(echo.fields.find(([name]) => name.toLowerCase() === 'via')?.[1])
    }
    expect([...names]).toEqual([expect.stringMatching(/graylane/)])
  })

  it('write whole lines into one access log', async () => {
    const marks = Array.from({ length: 60 }, (_, i) => `/mark-${i}-${'x'.repeat(2000)}`)
    await Promise.all(marks.map((mark) => cluster.get(mark)))
    const path = join(cluster.folder.path, '../access.log')
    const paths = async (): Promise<string[]> =>
      (await readFile(path, 'utf8'))
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => (JSON.parse(line) as { path: string }).path)
        .filter((logged) => logged.startsWith('/mark-'))
    await expect.poll(async () => (await paths()).toSorted(), { timeout: 5000 }).toEqual(marks.toSorted())
  })

  it('are explained, shown and asked for readiness as one', async () => {
    const explained = JSON.parse((await cluster.admin('/explain?url=/&header=Cookie:%20user%3Djason')).body)
    expect(explained).toMatchObject({ version: 'v2', service: 'frontend' })
    expect((await cluster.admin('/config')).body).toContain('"frontend"')
    expect((await cluster.admin('/readyz')).body).toBe('ready\n')
  })
})

describe('the port', () => {
  it('is taken for any other gateway, also one of several workers: nobody shares it by mistake', async () => {
    await using cluster = await ClusterUnderTest.start()
    const { listener } = cluster.serving
    const yaml = await readFile(cluster.folder.path, 'utf8')
    const path = await cluster.folder.write(yaml.replace('port: 0', `port: ${listener.split(':')[1]}`))
    for (const workers of ['1', '2']) {
      const { code, err } = await graylane(['serve', '--config', path, '--admin', '127.0.0.1:0', '--workers', workers])
      expect([code, err]).toEqual([1, expect.stringContaining('is taken by another process')])
    }
  })
})

describe('standard output', () => {
  it('gets whole lines of all workers, also while nobody reads and the pipe is full', async () => {
    await using cluster = await ClusterUnderTest.start('accessLog: stdout')
    const { child } = cluster.serving
    child.stdout?.pause()
    const targets = Array.from({ length: 120 }, (_, i) => `/${i}-${'y'.repeat(6000)}`)
    for (let at = 0; at < targets.length; at += 20) {
      await Promise.all(targets.slice(at, at + 20).map((target) => cluster.get(target)))
    }
    child.kill('SIGTERM')
    child.stdout?.resume()
    expect(await cluster.serving.ended()).toBe(0)
    const lines = cluster.serving.out.trimEnd().split('\n')
    expect(lines.map((line) => (JSON.parse(line) as { path: string }).path).toSorted()).toEqual(targets.toSorted())
  })
})

describe('--workers', () => {
  it('1, the default, is one process', async () => {
    await using cluster = await ClusterUnderTest.start('', [])
    expect(await cluster.readiness()).not.toHaveProperty('workers')
    expect(await cluster.version(asJason)).toBe('v2')
  })

  it('auto is one for each processor', async () => {
    await using cluster = await ClusterUnderTest.start('', ['--workers', 'auto'])
    const { workers } = await cluster.readiness()
    expect(workers?.length ?? 1).toBe(availableParallelism())
  })

  it('refuses a bad configuration at the start in the same words as one process', async () => {
    await using cluster = await ClusterUnderTest.start('', [])
    const path = await cluster.write('stable: v9')
    const said = async (workers: string): Promise<string> => {
      const { code, err } = await graylane(['serve', '--config', path, '--admin', '127.0.0.1:0', '--workers', workers])
      expect(code).toBe(1)
      return err
    }
    expect(await said('2')).toBe(await said('1'))
  })
})
