// `graylane demo` as somebody would start it: the table, the verdict, the exit code, and what is said when it cannot start.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isMap, parseDocument, type Document } from 'yaml'
import { closeServer, listen } from '../../demo/listen.ts'

const root = join(import.meta.dirname, '../..')

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'graylane-demo-test-'))
})
afterEach(() => rm(directory, { recursive: true }))

describe('graylane demo', () => {
  it('plays the story, prints who answered whom and that nothing crossed, and exits 0', async () => {
    const { code, output } = await runDemo(['--once', '--ports', 'auto'])
    expect(output).toMatch(/✓ MQTT broker +mqtt:\/\/127\.0\.0\.1:\d+/)
    expect(output).toMatch(/^address not on the list +192\.168\.0\.57 +v1 V11 +v1 +v1 +v1( +v1 001-010){3}$/m)
    expect(output).toMatch(/^address on the list +192\.168\.0\.58 +v2 V22 +v2 +v2 +v2( +v2 011-020){3}$/m)
    expect(output).toMatch(/^all at once +8 x 192\.168\.0\.57 +v1 V11 +v1 +v1 +v1( +v1 001-010){3}$/m)
    expect(output).toMatch(/^ +8 x 192\.168\.0\.58 +v2 V22 +v2 +v2 +v2( +v2 011-020){3}$/m)
    expect(output).toMatch(/^ +8 x cookie user=jason +v3 V33 +v3 +v3 +v3( +v3 021-030){3}$/m)
    expect(output).toMatch(/^crossings: 0$/m)
    expect(code).toBe(0)
  })

  it('gives table and verdict as JSON alone on standard output', async () => {
    const { code, out } = await runDemo(['--once', '--ports', 'auto', '--json'])
    const result = JSON.parse(out) as { groups: { visitor: string; expected: string; got: Record<string, string[]> }[] }
    expect(result).toMatchObject({ ok: true, crossings: [], failures: [] })
    expect(result.groups.map(({ visitor, expected }) => [visitor, expected])).toEqual([
      ['192.168.0.57', 'v1'],
      ['192.168.0.58', 'v2'],
      ['192.168.0.57', 'v1'],
      ['192.168.0.58', 'v2'],
      ['cookie user=jason', 'v3'],
    ])
    for (const { expected, got } of result.groups) {
      expect(Object.keys(got)).toHaveLength(7)
      expect(new Set(Object.values(got).flat())).toEqual(new Set([expected]))
    }
    expect(code).toBe(0)
  })

  it("exits 1 and says what crossed when v1's pool is v2's mqtt-server", async () => {
    const config = await changedConfig((document) => {
      document.setIn(['versions', 'v1', 'mqtt-server'], 'http://127.0.1.2:8000')
    })
    const { code, output } = await runDemo(['--once', '--ports', 'auto', '--config', config])
    expect(output).toContain(
      "crossed: address not on the list, 192.168.0.57: browser call of a v1 page is v2's by content, v1 by",
    )
    expect(output).not.toMatch(/^crossings: 0$/m)
    expect(code).toBe(1)
  })

  it('names the address and the part when a port is taken, and exits 1', async () => {
    const holder = createServer()
    const port = await listen(holder, { part: 'test', host: '127.0.0.1', port: 0 })
    const config = await changedConfig((document) => {
      const edge = document.getIn(['listen', 0])
      if (!isMap(edge)) throw new Error('routes.yaml has no first listener')
      edge.set('port', port)
    })
    const { code, output } = await runDemo(['--once', '--config', config])
    await closeServer(holder)
    expect(output).toContain(`127.0.0.1:${port} is taken: the edge of graylane needs it.`)
    expect(output).not.toContain('✓')
    expect(code).toBe(1)
  })

  it('says why when graylane refuses its configuration', async () => {
    const config = await changedConfig((document) => document.set('stable', 'v9'))
    const { code, output } = await runDemo(['--once', '--ports', 'auto', '--config', config])
    expect(output).toContain('The demo cannot run: graylane ended while it started')
    expect(output).toContain('v9')
    expect(code).toBe(1)
  })

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('stays up until %s and leaves nothing running', async (signal) => {
    const demo = startDemo(['--ports', 'auto'])
    const text = await demo.until('What graylane logs meanwhile:')
    const ports = [...text.matchAll(/127\.0\.[01]\.[123]:\d+/g)].map(([place]) => place)
    const edge = /open (http:\S+)/.exec(text)?.[1] ?? ''
    expect((await fetch(edge, { headers: { 'x-user': 'jason' } })).headers.get('x-version')).toBe('v3')
    await demo.until('browser -> frontend 127.0.1.3:')
    expect(demo.output()).toMatch(/^ {2}v3 +rule testers +200 GET \/ {2}browser/m)
    demo.child.kill(signal)
    expect(await demo.code).toBe(0)
    expect(ports.length).toBeGreaterThan(8)
    for (const place of new Set(ports)) {
      await expect(fetch(`http://${place}/`), place).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
    }
  })

  it('says that there is no such configuration', async () => {
    const { code, output } = await runDemo(['--once', '--config', join(directory, 'absent.yaml')])
    expect(output).toBe(`The demo cannot run: there is no file ${join(directory, 'absent.yaml')}\n`)
    expect(code).toBe(1)
  })

  it('names the nearest right word when an option is unknown', async () => {
    const { code, output } = await runDemo(['--onse'])
    expect(output).toMatch(/unknown option --onse\b.*did you mean --once\?/)
    expect(code).toBe(2)
  })
})

async function changedConfig(change: (document: Document) => void): Promise<string> {
  const document = parseDocument(await readFile(join(root, 'config/routes.yaml'), 'utf8'))
  change(document)
  const path = join(directory, 'routes.yaml')
  await writeFile(path, document.toString())
  return path
}

async function runDemo(args: string[]): Promise<{ code: number; output: string; out: string }> {
  const demo = startDemo(args)
  const code = await demo.code
  return { code, output: demo.output(), out: demo.out() }
}

function startDemo(args: string[]) {
  const child = spawn(process.execPath, ['src/main.ts', 'demo', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const code = once(child, 'close').then(([value]) => value as number)
  let text = ''
  let out = ''
  child.stdout.on('data', (more) => (out += String(more)))
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (more: string) => (text += more))
  return {
    child,
    code,
    /** Both streams, as they came. */
    output: () => text,
    out: () => out,
    async until(part: string): Promise<string> {
      const ended = code.then((value) => {
        throw new Error(`the demo ended with ${value} before it printed "${part}":\n${text}`)
      })
      const seen = expect.poll(() => text, { timeout: 25_000 }).toContain(part)
      await Promise.race([seen, ended])
      return text
    },
  }
}
