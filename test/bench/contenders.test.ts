import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { onStage } from '../../bench/bench.ts'
import { Children } from '../../bench/children.ts'
import type { Contender } from '../../bench/contender.ts'
import { caddy } from '../../bench/contenders/caddy.ts'
import { haproxy } from '../../bench/contenders/haproxy.ts'
import { nginx } from '../../bench/contenders/nginx.ts'
import type { Participant } from '../../bench/result.ts'
import { assemble, startBackend } from '../../bench/stage.ts'
import { withoutPaths } from '../../bench/without-paths.ts'

describe('a proxy that is installed', () => {
  it.for([nginx('nginx'), haproxy, caddy])('answers as the benchmark checks: $name', async (contender, { skip }) => {
    const missing = (await contender.version()) === undefined && process.env['CI'] === undefined
    skip(missing, `${contender.name} is missing: ${contender.install}`)
    const [participant] = await participantsOf(contender)
    expect(participant).toMatchObject({ name: contender.name, state: 'measured', remarks: [] })
  })
})

describe('what a program says when it fails', () => {
  it('is in the result without the folder it ran in', async () => {
    const stubborn: Contender = {
      name: 'stubborn',
      about: 'ends at once',
      install: 'is this test',
      compilesAsItRuns: false,
      version: async () => '1',
      command: async ({ folder }) => {
        const file = join(folder, 'conf')
        await writeFile(file, 'bad')
        return { name: 'stubborn', file: process.execPath, args: ['-e', `console.error('${file}:5 is bad')`] }
      },
    }
    const [participant] = await participantsOf(stubborn)
    expect(participant).toMatchObject({ state: 'not started', remarks: ['did not start: stubborn/conf:5 is bad'] })
  })

  it.each([
    ['/tmp/stage/caddy/Caddyfile:5 - bad', 'caddy/Caddyfile:5 - bad'],
    ['{"config_file":"/tmp/stage/caddy/Caddyfile"}', '{"config_file":"caddy/Caddyfile"}'],
    [`at file://${join(import.meta.dirname, '../../src/main.ts')}:3:4`, 'at src/main.ts:3:4'],
    [`imported from ${join(import.meta.dirname, '../../src/main.ts')}`, 'imported from src/main.ts'],
    ['open() "/etc/nginx/nginx.conf" failed', 'open() "nginx.conf" failed'],
    ['error:/var/lib/data/x, then file:///home/user/x.ts:1', 'error:x, then x.ts:1'],
    ['dir=/home/user/', 'dir='],
    ['http://127.0.0.1:80/a/b of text/html, 1/2/3 or ../a/b', 'http://127.0.0.1:80/a/b of text/html, 1/2/3 or ../a/b'],
    ['no answer to GET /304 in 5000 ms', 'no answer to GET /304 in 5000 ms'],
  ])('names no folder of the machine: %s', (text, expected) => {
    expect(withoutPaths(text, '/tmp/stage')).toBe(expected)
  })

  it('is cut after its paths went: half a path would stay', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'graylane-words-'))
    const children = new Children(folder)
    const words = `/long/conf is bad ${'x'.repeat(580)}`
    await writeFile(join(folder, 'long.log'), folder + words)
    expect(children.lastWords('long')).toBe(words.slice(1))
    await children.endAll()
    await rm(folder, { recursive: true })
  })
})

function participantsOf(contender: Contender): Promise<readonly Participant[]> {
  return onStage(async (children, folder) => {
    const backends = await startBackend(children)
    const { participants } = await assemble([contender], backends, folder, children, () => undefined)
    return participants
  })
}
