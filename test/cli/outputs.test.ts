// Outputs that nobody reads, that are full, or that are not there any more: lines are lost, and nothing else.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { ClusterUnderTest, stop } from '../cluster/cluster-process.ts'
import { type Answer, rawRequest } from '../admin/raw-request.ts'
import { samplesOf } from '../observe/exposition-text.ts'
import { graylane, ServingProcess } from './graylane-process.ts'
import { routes, routesFolder } from './routes.ts'

const main = join(import.meta.dirname, '../../src/main.ts')

describe.each(['1', '2'])('with --workers %s', (workers) => {
  const start = (more: string): Promise<ClusterUnderTest> => ClusterUnderTest.start(more, ['--workers', workers])

  /** More than a pipe and what is read ahead of it hold. */
  async function muchIsLogged(cluster: ClusterUnderTest): Promise<void> {
    const path = `/${'x'.repeat(7000)}`
    for (let i = 0; i < 30; i++) await Promise.all(Array.from({ length: 8 }, () => cluster.get(path)))
    // The log is written once a second at the latest.
    await sleep(1200)
  }

  it('a reader of standard output that does not read stops neither requests nor the admin server nor the end', async () => {
    await using cluster = await start('accessLog: stdout')
    cluster.serving.child.stdout?.pause()
    await muchIsLogged(cluster)
    expect((await cluster.get('/')).status).toBe(200)
    expect((await cluster.admin('/readyz')).status).toBe(200)
    await cluster.write('accessLog: stdout\nstable: v2')
    expect(await cluster.reload()).toMatchObject({ ok: true })
    const exit = once(cluster.serving.child, 'exit')
    cluster.serving.child.kill('SIGTERM')
    expect(await exit).toEqual([0, null])
    cluster.serving.child.stdout?.resume()
  })

  it('a named pipe that nobody reads yet holds up nobody; a reader gets what comes', async () => {
    await using cluster = await start('accessLog: off')
    const pipe = join(dirname(cluster.folder.path), 'pipe')
    execFileSync('mkfifo', [pipe])
    await cluster.write('accessLog: pipe')
    expect(await cluster.reload()).toMatchObject({ ok: true })
    expect((await cluster.get('/read')).status).toBe(200)
    await sleep(1200)
    const bytes = Buffer.alloc(1000)
    expect(bytes.toString('latin1', 0, readSync(openSync(pipe, 'r'), bytes))).toMatch(/"path":"\/read".*\n$/)
    await muchIsLogged(cluster)
    expect((await cluster.get('/')).status).toBe(200)
    cluster.serving.child.kill('SIGTERM')
    expect(await cluster.serving.ended()).toBe(0)
  })

  it('SIGUSR1 opens the log anew, as in nginx and Envoy, and no debugger, also to the whole group', async () => {
    await using cluster = await start('accessLog: access.log')
    const log = join(dirname(cluster.folder.path), 'access.log')
    await rename(log, `${log}.1`)
    const pids = [cluster.serving.child.pid!, ...(workers === '1' ? [] : await cluster.pids())]
    for (const pid of pids) process.kill(pid, 'SIGUSR1')
    await expect.poll(() => readFile(log, 'utf8').catch(() => undefined)).toBeDefined()
    expect((await cluster.get('/')).status).toBe(200)
    expect(cluster.serving.err).not.toContain('Debugger')
    expect(cluster.serving.err).not.toContain('in force')
  })

  it('a log that cannot be opened is told at its line, by a reload and at the start', async () => {
    await using cluster = await start('accessLog: off')
    const log = join(dirname(cluster.folder.path), 'no-such-folder', 'access.log')
    const message = `the access log ${log}: its directory is not there`
    await cluster.write('accessLog: no-such-folder/access.log')
    const line = (await readFile(cluster.folder.path, 'utf8')).split('\n').findIndex((one) => one.includes('such')) + 1
    expect(await cluster.reload()).toMatchObject({ ok: false, problems: [{ line, column: 12, message }] })
    const args = ['--config', cluster.folder.path, '--admin', '127.0.0.1:0', '--workers', workers]
    const { code, err } = await graylane(['serve', ...args])
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining(`:${line}:12: error apply: ${message}`) })
  })

  it('a log whose directory is gone is told after a rotation, and opened again when it is there', async () => {
    await using cluster = await start('accessLog: off')
    const folder = join(dirname(cluster.folder.path), 'logs')
    await mkdir(folder)
    await cluster.write('accessLog: logs/access.log')
    expect(await cluster.reload()).toMatchObject({ ok: true })
    await rm(folder, { recursive: true })
    cluster.serving.child.kill('SIGHUP')
    await cluster.serving.says(/the access log cannot be opened anew, the old file is written on: ENOENT/)
    await mkdir(folder)
    cluster.serving.child.kill('SIGHUP')
    const written = async (): Promise<string> => {
      await cluster.get('/again')
      return readFile(join(folder, 'access.log'), 'utf8').catch(() => '')
    }
    await expect.poll(written, { timeout: 5000 }).toContain('"path":"/again"')
  })
})

it('workers whose primary hangs lose lines of their log, and keep no more of them than they may', async () => {
  const folder = await routesFolder()
  await folder.write(routes())
  // What reaches the primary is not lost there.
  const serving = await ServingProcess.start(folder.path, ['--workers', '2'], {}, 'exec "$@" >/dev/null')
  try {
    const get = (address: string, target: string): Promise<Answer> =>
      rawRequest(address, { target, fields: [`Host: ${address}`] })
    await stop(serving.child.pid!)
    const path = `/${'x'.repeat(8000)}`
    for (let i = 0; i < 100; i++) await Promise.all(Array.from({ length: 32 }, () => get(serving.listener, path)))
    process.kill(serving.child.pid!, 'SIGCONT')
    const { body } = await get(serving.admin, '/metrics')
    const [lost] = samplesOf(body, 'graylane_access_log_lost_lines_total')
    expect(lost?.value).toBeGreaterThan(0)
  } finally {
    await serving.kill()
    await folder.remove()
  }
})

describe('the answer of a verb', () => {
  it('may be left unread: the exit code is the same, without a trace of ours', async () => {
    const child = spawn(process.execPath, [main, 'serve', '--help'], { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    const [err, [code]] = await Promise.all([text(child.stderr), once(child, 'close')])
    expect({ code, err }).toEqual({ code: 0, err: '' })
  })

  it.skipIf(process.platform !== 'linux')('on a full disk is none, in one line', async () => {
    const child = spawn(process.execPath, [main, '--version'], {
      stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
    })
    const [err, [code]] = await Promise.all([text(child.stderr!), once(child, 'close')])
    expect(code).toBe(1)
    expect(err).toMatch(/^graylane: the answer cannot be written: ENOSPC.*\n$/)
    expect((await graylane(['--version'])).code).toBe(0)
  })
})
