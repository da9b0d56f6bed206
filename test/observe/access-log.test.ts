import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { assert, constantFrom, pre, property, string } from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { createAccessLog, createLineWriter, type AccessLog } from '../../src/observe/access-log.ts'
import { LogLines } from '../../src/observe/log-lines.ts'
import type { RequestRecord } from '../../src/observe/record.ts'
import { requestRecord } from './request-record.ts'

const time = Date.UTC(2026, 10, 24, 7, 8, 9, 12)

/** One writer for several lines, each handed out as text. */
function createLineFormatter(): (record: RequestRecord, at: number) => string {
  const lines = new LogLines(65_536)
  const add = createLineWriter(lines)
  return (record, at) => {
    add(record, at)
    return lines.take().toString('latin1')
  }
}

function lineOf(changes: Partial<RequestRecord>): string {
  return createLineFormatter()(requestRecord(changes), time)
}

describe('a line of the access log', () => {
  it('holds these fields in this order', () => {
    const record = requestRecord({
      rule: 'office',
      reason: 'rule',
      bytesReceived: 7,
      durationMs: 4.23456,
      upstreamMs: 3,
    })
    expect(createLineFormatter()(record, time)).toBe(
      '{"time":"2026-11-24T07:08:09.012Z","method":"GET","path":"/","authority":"shop.example","protocol":"HTTP/1.1",' +
        '"status":200,"release":"shop","service":"frontend","version":"v1","reason":"rule","rule":"office","pin":"NS",' +
        '"endpoint":"127.0.1.1:8080","flags":"-","code":"","clientAddress":"203.0.113.7","bytesReceived":7,' +
        '"bytesSent":1234,"durationMs":4.235,"upstreamMs":3,"attempts":1,"internal":false}\n',
    )
  })

  it.each([
    ['none', 'none', 'NN'],
    ['none', 'set', 'NS'],
    ['held', 'kept', 'HK'],
    ['held', 'set', 'HS'],
    ['stale', 'none', 'SN'],
    ['forged', 'set', 'FS'],
    ['two', 'set', 'TS'],
  ] as const)('says of a pin that came %s and was then %s: %s', (pinIn, pinOut, letters) => {
    expect(JSON.parse(lineOf({ pinIn, pinOut }))).toMatchObject({ pin: letters })
  })

  const hostile: [what: string, value: string][] = [
    ['a line feed and a made-up line', '/a\n{"time":"now","status":200}'],
    ['a carriage return', '/a\rb'],
    ['quotes and backslashes', '/"},{\\"x":"\\'],
    ['a terminal escape', '/\u001b[2J\u009b31m'],
    ['NUL, DEL and C1', '/\u0000\u007f\u0085'],
    ['line separators of JavaScript', '/\u2028\u2029'],
    ['raw bytes above 0x7f', '/caf\u00e9\u00ff'],
    ['a lone surrogate', '/\ud800'],
    ['markup', '/</script><script>'],
  ]
  const fields = ['method', 'path', 'authority', 'clientAddress', 'rule'] as const
  it.each(hostile)('keeps %s as data: one line of printable ASCII that reads back the same', (_what, value) => {
    for (const field of fields) {
      const line = lineOf({ [field]: value })
      expect(line).toMatch(/^[ -~]+\n$/)
      expect(JSON.parse(line)).toMatchObject({ [field]: value })
    }
  })

  it('keeps any text as data', () => {
    assert(
      property(string({ unit: 'binary' }), constantFrom(...fields), (value, field) => {
        pre(!value.includes('?'))
        const line = lineOf({ [field]: value })
        expect(line).toMatch(/^[ -~]+\n$/)
        expect(JSON.parse(line)).toMatchObject({ [field]: value })
      }),
    )
  })

  it('never holds a query, even if one slipped into the path', () => {
    expect(lineOf({ path: '/login?password=canary' })).not.toContain('canary')
  })

  it('shows each request’s own rule, reason and release, however they alternate', () => {
    const format = createLineFormatter()
    const records = [
      { reason: 'rule', rule: 'office' },
      { reason: 'rule', rule: 'testers' },
      { reason: 'pin', rule: '' },
      { reason: 'pin', rule: '', release: 'other' },
      { reason: 'rule', rule: 'office', version: 'v2' },
      { reason: 'rule', rule: 'office', service: 'mqtt-server' },
    ] as const
    for (const changes of [...records, ...records]) {
      expect(JSON.parse(format(requestRecord(changes), time))).toMatchObject(changes)
    }
  })

  it('shows the time across milliseconds and seconds, forwards and backwards', () => {
    const format = createLineFormatter()
    for (const at of [time, time, time + 1, time + 988, time + 61_000, time - 5]) {
      expect(JSON.parse(format(requestRecord(), at))).toMatchObject({ time: new Date(at).toISOString() })
    }
  })
})

async function paths(file: string): Promise<string[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '')
  return lines.map((line) => (JSON.parse(line) as { path: string }).path)
}

describe('the access log file', () => {
  let folder: string
  let log: AccessLog | undefined

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'access-log-'))
  })
  afterEach(async () => {
    await log?.close()
    log = undefined
    await rm(folder, { recursive: true })
  })

  it('holds every line in order after close', async () => {
    const file = join(folder, 'access.log')
    log = createAccessLog({ path: file })
    const expected = Array.from({ length: 2000 }, (_, i) => `/${i}`)
    for (const path of expected) log.observe(requestRecord({ path }))
    await log.close()
    expect(await paths(file)).toEqual(expected)
    expect(log.lostLines()).toBe(0)
  })

  it('gets lines within a second or so without being asked', async () => {
    const file = join(folder, 'access.log')
    log = createAccessLog({ path: file })
    log.observe(requestRecord({ path: '/soon' }))
    expect(await paths(file)).toEqual([])
    await expect.poll(() => paths(file), { timeout: 10_000 }).toEqual(['/soon'])
  })

  it('does not wait for the second once a piece is full', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    try {
      const file = join(folder, 'access.log')
      log = createAccessLog({ path: file })
      for (let i = 0; i < 1500; i++) log.observe(requestRecord())
      // In pieces of 256 KiB, the rest of which is not due yet. The file grows by pages while a piece is written; that is whole with its
      // last line.
      let text = ''
      while (text.length < 256 * 1024 || !text.endsWith('\n')) {
        await setImmediate()
        text = await readFile(file, 'latin1')
      }
      expect(text.split('\n').length).toBeLessThan(1500)
    } finally {
      vi.useRealTimers()
    }
  })

  it('goes on in a new file after a rotation, and loses no line', async () => {
    const file = join(folder, 'access.log')
    log = createAccessLog({ path: file })
    log.observe(requestRecord({ path: '/before' }))
    log.flush()
    log.observe(requestRecord({ path: '/also-before' }))
    await rename(file, `${file}.1`)
    expect(await log.reopen()).toBeUndefined()
    log.observe(requestRecord({ path: '/after' }))
    await log.close()
    expect([...(await paths(`${file}.1`)), ...(await paths(file))]).toEqual(['/before', '/also-before', '/after'])
    expect(await paths(file)).toContain('/after')
  })

  it('keeps the old file when a new one cannot be opened', async () => {
    const inner = join(folder, 'gone')
    await mkdir(inner)
    const file = join(inner, 'access.log')
    log = createAccessLog({ path: file })
    await rename(inner, join(folder, 'moved'))
    expect(await log.reopen()).toMatchObject({ code: 'ENOENT' })
    log.observe(requestRecord({ path: '/still' }))
    await log.close()
    expect(await paths(join(folder, 'moved', 'access.log'))).toEqual(['/still'])
  })

  it('counts what a full disk does not take, and goes on', async () => {
    log = createAccessLog({ path: '/dev/full' })
    for (let i = 0; i < 10; i++) log.observe(requestRecord())
    log.flush()
    await expect.poll(() => log?.lostLines()).toBe(10)
    log.observe(requestRecord())
    await log.close()
    expect(log.lostLines()).toBe(11)
  })

  it('goes on with whole lines after the disk was full, though another worker was cut off inside one', async () => {
    const file = join(folder, 'access.log')
    const limited = ['-c', 'ulimit -S -f 2; exec "$@"', 'bash', process.execPath, ofTwo, file]
    const child = spawn('bash', limited, { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    const [torn] = (await readFile(file, 'utf8')).split('\n').slice(-1)
    expect(torn).not.toBe('')
    execFileSync('prlimit', ['--pid', String(child.pid), '--fsize=1000000'])
    child.stdin.write('on\n')
    await once(child, 'exit')
    const after = (await readFile(file, 'utf8')).split('\n').filter((line) => /first|second/.test(line))
    expect(after.map((line) => (JSON.parse(line) as { path: string }).path)).toEqual(['/second', '/first'])
  })

  it('does not start on a file that cannot be opened', async () => {
    expect(() => createAccessLog({ path: join(folder, 'no-such-folder', 'access.log') })).toThrow(/ENOENT/)
  })

  it('is not readable by everybody', async () => {
    const file = join(folder, 'access.log')
    log = createAccessLog({ path: file })
    expect((await stat(file)).mode & 0o007).toBe(0)
  })

  it('is nothing at all when off', async () => {
    log = createAccessLog({ path: 'off' })
    log.observe(requestRecord())
    await log.close()
    expect(log.lostLines()).toBe(0)
  })
})

const ofTwo = fileURLToPath(import.meta.resolve('./access-logs-of-two.ts'))
const writer = fileURLToPath(import.meta.resolve('./access-log-writer.ts'))

/** Runs the writer; `read` says what becomes of its standard output. */
async function run(
  lines: number,
  read: 'all' | 'close' | 'never',
): Promise<{ code: number; lost: number; out: string }> {
  const child = spawn(process.execPath, [writer, String(lines)], { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let report = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (report += text))
  if (read === 'all') child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  if (read === 'close') child.stdout.destroy()
  const [code] = (await once(child, read === 'never' ? 'exit' : 'close')) as [number]
  if (read === 'never') child.stdout.destroy()
  return { code, lost: Number(/^lost (\d+)$/m.exec(report)?.[1]), out }
}

describe('the access log on standard output', () => {
  it('gets every line', async () => {
    const { code, lost, out } = await run(1000, 'all')
    expect({ code, lost, lines: out.split('\n').length - 1 }).toEqual({ code: 0, lost: 0, lines: 1000 })
  })

  it('loses lines, not the process, when the reader is gone', async () => {
    const { code, lost } = await run(1000, 'close')
    expect({ code, lost }).toEqual({ code: 0, lost: 1000 })
  })

  it('neither blocks nor grows without bound when the reader does not read', async () => {
    const { code, lost } = await run(60_000, 'never')
    expect(code).toBe(0)
    expect(lost).toBeGreaterThan(0)
  })

  it('gets every line when it is redirected to a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'access-log-'))
    const file = await open(join(folder, 'out.log'), 'a')
    const child = spawn(process.execPath, [writer, '1000'], { stdio: ['ignore', file.fd, 'ignore'] })
    const [code] = (await once(child, 'close')) as [number]
    await file.close()
    expect([code, (await paths(join(folder, 'out.log'))).length]).toEqual([0, 1000])
    await rm(folder, { recursive: true })
  })
})
