import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { ask } from '../../bench/ask.ts'
import { bench, onStage } from '../../bench/bench.ts'
import type { Contender } from '../../bench/contender.ts'
import { direct } from '../../bench/contenders/direct.ts'
import { httpProxy3 } from '../../bench/contenders/http-proxy-3.ts'
import { visitUnderLoad } from '../../bench/coupling.ts'
import { autocannon } from '../../bench/load/autocannon.ts'
import { readReport, wrk } from '../../bench/load/wrk.ts'
import { type Plan, readOptions } from '../../bench/options.ts'
import { costOfTree, costsAvailable, idsOfTree } from '../../bench/process-tree.ts'
import { readResults, writeReport } from '../../bench/report.ts'
import { bars, outcomeOf } from '../../bench/report/bars.ts'
import { cellsOf, ratio, spread } from '../../bench/report/figures.ts'
import type { BenchResult, Sample } from '../../bench/result.ts'
import { findScenario } from '../../bench/scenarios.ts'
import { startBackend } from '../../bench/stage.ts'

/** Listens, and sends everybody to v1: fast, and wrong. */
const careless: Contender = {
  name: 'careless',
  about: 'answers wrongly',
  install: 'is this test',
  compilesAsItRuns: false,
  version: async () => '1',
  command: ({ port }) => {
    const answer = `response.setHeader('x-version', 'v1').end('hello from v1')`
    const program = `require('node:http').createServer((request, response) => ${answer}).listen(${port}, '127.0.0.1')`
    return { name: 'careless', file: process.execPath, args: ['-e', program] }
  },
}

const absent: Contender = {
  ...careless,
  name: 'absent',
  install: 'pour it in',
  version: async () => undefined,
}

describe('a tiny benchmark', () => {
  const contenders = [httpProxy3, careless, absent, direct]
  let result: BenchResult
  const said: string[] = []

  beforeAll(async () => {
    const plan: Plan = {
      kind: 'partial',
      scenarios: [{ scenario: findScenario('small')!, contenders: contenders.map(({ name }) => name) }],
      rounds: 1,
      seconds: 1,
      leadInSeconds: 0,
      connections: 8,
      warmUp: { compiling: 1, everyScenario: false },
      budgetSeconds: 20,
      idle: { connections: 50, contenders: ['http-proxy-3'] },
      coupling: undefined,
    }
    result = await bench(plan, contenders, (line) => said.push(line))
  })

  it('refuses whoever answers wrongly, and says why', () => {
    const refused = result.participants.find(({ name }) => name === 'careless')!
    expect(refused.state).toBe('excluded')
    expect(refused.remarks).toContain('sets no cookie for v2')
    expect(refused.remarks).toContain('no pin, to v2: x-version is v1, not v2')
    expect(refused.remarks.some((remark) => remark.startsWith('/1m: status 200, another body (13 bytes'))).toBe(true)
    expect(result.samples.filter(({ contender }) => contender === 'careless')).toEqual([])
    expect(said.find((line) => line.startsWith('careless'))).toContain('excluded; ')
  })

  it('measures whoever answers right', () => {
    const [sample] = result.samples.filter(({ contender }) => contender === 'http-proxy-3')
    expect(sample).toMatchObject({ scenario: 'small', round: 0, failed: 0 })
    expect(sample!.requests).toBeGreaterThan(10)
    expect(sample!.p99).toBeGreaterThanOrEqual(sample!.p50)
    if (costsAvailable) expect(sample!.cpuMicroseconds).toBeGreaterThan(1)
  })

  it('charges nobody for the load that goes straight to the backend', () => {
    const [sample] = result.samples.filter(({ contender }) => contender === 'direct')
    expect(sample!.requests).toBeGreaterThan(10)
    expect(sample!.cpuMicroseconds).toBeUndefined()
  })

  it('names the line that installs what is missing', () => {
    expect(result.participants.find(({ name }) => name === 'absent')).toMatchObject({
      state: 'missing',
      remarks: ['to install it: pour it in'],
    })
  })

  it.runIf(costsAvailable)('counts the connections that wait', () => {
    expect(result.idle, said.join('\n')).toMatchObject([{ contender: 'http-proxy-3', connections: 50, failed: 0 }])
  })

  it('becomes a page and charts that say what was and what was not measured', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'graylane-report-'))
    await writeReport({ bench: result, micro: undefined, profile: undefined, soak: undefined }, folder)
    const page = await readFile(join(folder, 'benchmarks.md'), 'utf8')
    expect(page).toMatch(/\| http-proxy-3 \| [\d.]+ \|/)
    expect(page).toContain('| careless | 1 | answers wrongly | excluded; ')
    expect(page).toContain('| two workers | x one worker | <= 1.15 | <= 1.15 | – | **not measured** |')
    expect(await readFile(join(folder, 'images/bench-small.svg'), 'utf8')).toContain('prefers-color-scheme: dark')
    await rm(folder, { recursive: true })
  })

  it('shows beside a full run what a quick one measured later, and none that is older', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'graylane-results-'))
    const write = (kind: string, startedAt: string): Promise<void> =>
      writeFile(join(folder, `2026-01-01-${kind}.json`), JSON.stringify({ ...result, kind, startedAt }))
    await write('full', '2026-01-01T10:00:00.000Z')
    await write('quick', '2026-01-01T09:00:00.000Z')
    expect((await readResults(folder)).later).toBeUndefined()
    await write('quick', '2026-01-01T11:00:00.000Z')
    const results = await readResults(folder)
    expect([results.bench.kind, results.later?.kind]).toEqual(['full', 'quick'])
    await writeReport(results, folder)
    expect(await readFile(join(folder, 'benchmarks.md'), 'utf8')).toContain(
      '**Later** is a quick run (2026-01-01 11:00 UTC,',
    )
    await rm(folder, { recursive: true })
  })
})

describe('processes of a benchmark', () => {
  it('have all ended when it fails in the middle', async () => {
    let ids: readonly number[] = []
    const failing = onStage(async (children) => {
      const ports = await startBackend(children)
      expect((await ask(ports.v2)).body.toString()).toBe('hello from v2')
      ids = idsOfTree(process.pid).filter((id) => id !== process.pid)
      throw new Error('in the middle of it')
    })
    await expect(failing).rejects.toThrow('in the middle of it')
    expect(ids.filter(isRunning)).toEqual([])
  })

  it.each([
    ['when it is told to end', `process.kill(process.pid, 'SIGINT')`],
    ['after an error that nobody caught', `setImmediate(() => { throw new Error('nobody catches this') })`],
  ])('have all ended %s', async (_when, end) => {
    const program = `
      import { Children } from './bench/children.ts'
      const children = new Children(process.argv[1])
      const child = children.start({ name: 'sleeper', file: 'sleep', args: ['60'] })
      process.stdout.write(String(child.pid), () => { ${end} })
      setInterval(() => undefined, 1000)`
    const folder = await mkdtemp(join(tmpdir(), 'graylane-children-'))
    const root = join(import.meta.dirname, '../..')
    const run = spawn(process.execPath, ['--input-type=module', '-e', program, folder], { cwd: root })
    const [id] = await Promise.all([text(run.stdout), once(run, 'close')])
    expect(Number(id)).toBeGreaterThan(1)
    // A killed process takes a moment to go.
    await expect.poll(() => isRunning(Number(id))).toBe(false)
    await rm(folder, { recursive: true, force: true })
  })

  it.runIf(costsAvailable)('cost what their whole tree costs', () => {
    const cost = costOfTree(process.pid)!
    expect(cost.cpuSeconds).toBeGreaterThan(0)
    expect(cost.residentKib).toBeGreaterThan(1024)
  })
})

/** One that ended and was not yet waited for has ended all the same. */
function isRunning(id: number): boolean {
  try {
    process.kill(id, 0)
    return !costsAvailable || !/\) Z /.test(readFileSync(`/proc/${id}/stat`, 'utf8'))
  } catch {
    return false
  }
}

describe('coupling under load', () => {
  let server: Server
  let port: number
  let pages = 0

  // Pins every page to a version and keeps no promise: parts come from v1.
  beforeAll(async () => {
    server = createServer((request, response) => {
      const document = request.headers['sec-fetch-mode'] === 'navigate'
      const version = document && pages++ % 2 === 0 ? 'v2' : 'v1'
      response.setHeader('x-version', version).setHeader('set-cookie', `version=${version}`)
      response.end(`hello from ${version}`)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  })
  afterAll(() => server.close())

  it('counts a crossing for every answer of another version than the page', async () => {
    const sample = await visitUnderLoad({ title: 'test', port, seconds: 0.3, visitors: 2 })
    expect(sample.failed).toBe(0)
    expect(sample.pagesByVersion['v2']).toBeGreaterThan(0)
    expect(sample.crossings).toBe(12 * sample.pagesByVersion['v2']!)
  })

  it('counts what broke as failed, and reloads only where they were in force', async () => {
    const closed = createServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const nobody = (closed.address() as AddressInfo).port
    closed.close()
    await once(closed, 'close')
    const outcomes = [true, false]
    const reload = async (): Promise<boolean> => outcomes.shift() ?? false
    const sample = await visitUnderLoad({ title: 'test', port: nobody, seconds: 0.6, visitors: 1, reload })
    expect(sample).toMatchObject({ pages: 0, crossings: 0, reloads: 1 })
    expect(sample.failed).toBe(sample.requests)
  })
})

describe('load generators', () => {
  it('read the report of wrk, and take nothing else for one', () => {
    const report = [
      '  1 threads and 64 connections',
      '    Req/Sec     5.55k     4.06k   12.53k    62.50%',
      '     50%    8.22ms',
      '     99%  268.33us',
      '  4624 requests in 1.06s, 519.30KB read',
      '  Socket errors: connect 0, read 3, write 1, timeout 0',
      '  Non-2xx or 3xx responses: 7',
      'Requests/sec:   4368.34',
    ].join('\n')
    expect(readReport(report)).toEqual({
      requests: 4624,
      failed: 11,
      requestsPerSecond: 4368.34,
      p50: 8220,
      p99: 268.33,
    })
    expect(() => readReport('unable to connect to 127.0.0.1:1 Connection refused')).toThrow('unable to connect')
  })

  it('fire autocannon in a process of its own where wrk is missing', async () => {
    const result = await onStage(async (children) => {
      const ports = await startBackend(children)
      const load = { port: ports.v3, method: 'POST', path: '/post', headers: [['x-user', 'jason']] } as const
      return autocannon(children).run({ ...load, bodyBytes: 100, newConnections: false, connections: 4, seconds: 1 })
    })
    expect(result.requests).toBeGreaterThan(10)
    expect(result.failed).toBe(0)
    // It measures in whole milliseconds: on a quick machine both are 0.
    expect(result.p99).toBeGreaterThanOrEqual(result.p50)
  })
})

describe('requests whose fields differ', () => {
  it.each(['wrk', 'autocannon'] as const)(
    'are sent by %s: hardly any connection has the same ones twice in a row',
    async (name) => {
      const came = new Map<unknown, string[]>()
      const server = createServer((request, response) => {
        const of = came.get(request.socket) ?? []
        came.set(request.socket, [...of, String(request.headers['x-request-id'])])
        response.end('ok')
      })
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const load = { port, method: 'GET', path: '/', headers: [['x-user', 'jason']], bodyBytes: 0 } as const
      try {
        const result = await onStage(async (children, folder) => {
          const generator = name === 'wrk' ? wrk(folder, children) : autocannon(children)
          if ((await generator.version()) === undefined) return undefined
          return generator.run({ ...load, newConnections: false, numbered: true, connections: 4, seconds: 1 })
        })
        if (result === undefined) return
        expect(result.failed).toBe(0)
        expect(came.size).toBeGreaterThanOrEqual(4)
        const all = [...came.values()].flat()
        const again = [...came.values()].flatMap((ids) => ids.filter((id, i) => id === ids[i - 1]))
        expect(again.length).toBeLessThanOrEqual(all.length / 50)
        expect(new Set(all).size).toBeGreaterThan(Math.min(900, all.length / 10))
        expect(new Set(all.map((id) => id.length))).toEqual(new Set([36]))
      } finally {
        server.closeAllConnections()
        server.close()
      }
    },
  )
})

describe('the backend', () => {
  it('reads bodies in pieces and chunks, says how much came, and that it closes when it does', async () => {
    await onStage(async (children) => {
      const { v1 } = await startBackend(children)
      const body = Buffer.alloc(200_000, 'x')
      expect((await ask(v1, { method: 'POST', path: '/post', body })).headers['x-received']).toBe('200000')
      const chunked = await ask(v1, { method: 'POST', path: '/post', body, chunked: true })
      expect(chunked.headers['x-received']).toBe('200000')
      const socket = connect(v1, '127.0.0.1')
      socket.end('GET /1k HTTP/1.1\r\nConnection: close\r\n\r\n')
      const [part] = (await once(socket, 'data')) as [Buffer]
      expect(part.toString('latin1')).toMatch(
        /^HTTP\/1\.1 200 OK\r\nConnection: close\r\n[^]*\r\n\r\n(?:hello from v1)+/,
      )
      socket.destroy()
    })
  })
})

describe('figures', () => {
  const sample = (contender: string, round: number, cpuMicroseconds: number, cores = 1): Sample => ({
    scenario: 'small',
    contender,
    round,
    requests: 1000,
    failed: 0,
    requestsPerSecond: 1000,
    p50: 1,
    p99: 2,
    cpuMicroseconds,
    cores,
    residentKib: 1,
  })
  const result = {
    samples: [
      sample('graylane', 0, 20),
      sample('nginx', 0, 20, 0.5),
      sample('graylane', 1, 60),
      sample('nginx', 1, 40, 0.5),
      sample('graylane', 2, 24),
      sample('nginx', 2, 20, 0.5),
    ],
    load: { rounds: 3 },
    idle: [],
    coupling: [],
  } as unknown as BenchResult

  it('are medians with their range', () => {
    expect(spread([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 })
    expect(spread([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 })
  })

  it('compare what one round measured: a slow round slows both sides', () => {
    expect(ratio(result, 'small', 'graylane', 'nginx')).toEqual({ median: 1.2, min: 1, max: 1.5 })
    expect(ratio(result, 'small', 'graylane', 'envoy')).toBeUndefined()
  })

  it('mark what the load generator limited', () => {
    expect(cellsOf(result, 'small').map(({ contender, limitedByLoad }) => [contender, limitedByLoad])).toEqual([
      ['nginx', true],
      ['graylane', false],
    ])
  })

  it('meet the bars, miss them, or were not measured', () => {
    const [small] = bars
    expect([1.1, 1.104, 1.2, 1.25, 1.26, undefined].map((value) => outcomeOf(small!, value))).toEqual([
      'goal met',
      'goal met',
      'met',
      'met',
      'missed',
      'not measured',
    ])
    expect(outcomeOf(small!, small!.measure(result))).toBe('met')
  })
})

describe('options', () => {
  it('make a plan: whole ones are written for the report, partial ones are not', () => {
    expect(readOptions(['--quick'])).toMatchObject({ do: 'bench', plan: { kind: 'quick', rounds: 2 } })
    expect(readOptions([])).toMatchObject({ do: 'bench', plan: { kind: 'full' } })
    const some = readOptions(['--contenders', 'nginx,nginx, 1000 rules', '--scenarios', 'small,rules', '--rounds', '3'])
    expect(some).toMatchObject({ do: 'bench', plan: { kind: 'partial', rounds: 3, coupling: undefined } })
    expect(some.do === 'bench' && some.plan.scenarios.map(({ contenders }) => contenders)).toEqual([
      ['nginx'],
      ['nginx', 'nginx, 1000 rules'],
    ])
  })

  it('plan one kind of request alone, with those its bar compares', () => {
    const alone = readOptions(['--alone', '64k', '--rounds', '2'])
    expect(alone).toMatchObject({ do: 'bench', plan: { kind: 'alone', rounds: 2, coupling: undefined } })
    expect(
      alone.do === 'bench' && alone.plan.scenarios.map(({ scenario, contenders }) => [scenario.name, contenders]),
    ).toEqual([['64k', ['graylane', 'nginx', 'envoy']]])
    expect(() => readOptions(['--alone', '63k'])).toThrow('--alone takes one of: small | 64k | 1m |')
  })

  it('say what they take', () => {
    expect(() => readOptions(['--scenarios', 'smal'])).toThrow('--scenarios takes some of: small | numbered | 1k |')
    expect(() => readOptions(['--rounds', 'many'])).toThrow('--rounds wants a number above 0')
    expect(() => readOptions(['--qick'])).toThrow('--qick')
  })
})
