// `serve --json`: what it says on standard error, as a program reads it.

import { afterEach, describe, expect, it } from 'vitest'

import { rawRequest } from '../admin/raw-request.ts'
import { startEchoBackend } from '../support/echo-backend.ts'
import { graylane, ServingProcess } from './graylane-process.ts'
import { routes, useRoutes } from './routes.ts'

type Event = Readonly<Record<string, unknown>> & { readonly event: string; readonly time: string }

const folder = useRoutes()
let serving: ServingProcess | undefined
afterEach(async () => {
  await serving?.kill()
  serving = undefined
})

async function serve(...args: string[]): Promise<ServingProcess> {
  serving = await ServingProcess.start(folder.path, ['--json', ...args])
  return serving
}

/** Every line there is has to be an event. */
function eventsIn(text: string): Event[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Event)
}

function urlOf(role: string): string {
  const found = eventsIn(serving?.err ?? '').find((one) => one['role'] === role)
  return String(found?.['url']).replace('http://', '')
}

function get(role: string, target: string): ReturnType<typeof rawRequest> {
  return rawRequest(urlOf(role), { target, fields: ['Host: localhost'] })
}

describe('graylane serve --json', () => {
  it('says one event a line, from the start over reloads to the end, and nothing else', async () => {
    await folder.write(routes().replace('services:\n', '  - { port: 0, internal: true }\nservices:\n'))
    const { child } = await serve('--probe', '127.0.0.1:0')
    const before = await folder.write(routes().replace('stable: v1', 'stable: v2'))
    await rawRequest(urlOf('admin'), { method: 'POST', target: '/reload' })
    await folder.write(routes().replace('stable: v1', 'stable: v9'))
    await rawRequest(urlOf('admin'), { method: 'POST', target: '/reload' })
    await serving?.says(/reload-refused/)
    child.kill('SIGTERM')
    expect(await serving?.ended()).toBe(0)
    const events = eventsIn(serving?.err ?? '')
    const url = expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) as string
    const snapshot = expect.stringMatching(/^\w+$/) as string
    const said = events.filter(({ event }) => event !== 'reload-refused').map(({ time: _time, ...rest }) => rest)
    expect(said).toEqual([
      { event: 'configuration', snapshot, path: before },
      { event: 'listening', role: 'edge', url },
      { event: 'listening', role: 'internal', url },
      { event: 'listening', role: 'probe', url },
      { event: 'listening', role: 'admin', url },
      { event: 'reload-applied', snapshot, problems: [] },
      { event: 'draining', signal: 'SIGTERM', delaySeconds: 0 },
      { event: 'ended' },
    ])
    // The watcher may try the same file once more.
    const refused = events.find(({ event }) => event === 'reload-refused')
    expect(refused).toMatchObject({
      snapshot: events.find(({ event }) => event === 'reload-applied')?.['snapshot'],
      problems: [
        { file: folder.path, line: 10, column: 9, severity: 'error', code: expect.any(String), message: /v9/ },
      ].map((problem) => ({ ...problem, message: expect.stringMatching(problem.message) as string })),
    })
    for (const { time } of events) expect(new Date(time).toISOString()).toBe(time)
  })

  it('says which worker ended, and which serves in its place', async () => {
    await serve('--workers', '2')
    const { body } = await get('admin', '/readyz?verbose')
    const [{ pid }] = (JSON.parse(body) as { workers: [{ pid: number }] }).workers
    process.kill(pid, 'SIGKILL')
    await serving?.says(/worker-serves/)
    const told = eventsIn(serving?.err ?? '').filter(({ event }) => event.startsWith('worker-'))
    expect(told).toEqual([
      { time: expect.any(String), event: 'worker-ended', pid, how: 'SIGKILL', restartInSeconds: 0.1 },
      { time: expect.any(String), event: 'worker-serves', pid: expect.any(Number) },
    ])
    expect(told[1]?.['pid']).not.toBe(pid)
  })

  it.each(['1', '2'])('names an upstream that is not trusted (%s workers)', async (workers) => {
    const plain = await startEchoBackend('frontend', 'v1')
    const frontend1 = plain.url.replace('http:', 'https:')
    await folder.write(routes({ frontend1 }))
    await serve('--workers', workers)
    await get('edge', '/')
    await serving?.says(/upstream-not-trusted/)
    await plain.close()
    expect(eventsIn(serving?.err ?? '').at(-1)).toMatchObject({
      event: 'upstream-not-trusted',
      address: '127.0.0.1',
      port: Number(new URL(plain.url).port),
      serverName: '127.0.0.1',
      reason: expect.stringContaining('SSL'),
    })
  })

  it('says in one line why it cannot start, with the places, and exits 1', async () => {
    await folder.write(routes().replace('stable: v1', 'stable: v9'))
    const { code, out, err } = await graylane(['serve', '--json', '--config', folder.path, '--admin', '127.0.0.1:0'])
    expect([code, out]).toEqual([1, ''])
    expect(eventsIn(err)).toEqual([
      {
        time: expect.any(String),
        event: 'not-started',
        reason: 'the configuration cannot be used',
        problems: [expect.objectContaining({ file: folder.path, line: 10, column: 9, severity: 'error' })],
      },
    ])
  })
})
