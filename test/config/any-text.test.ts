import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { formatProblem, loadConfiguration } from '../../src/config/load.ts'
import { compileConfiguration } from '../../src/config/snapshot.ts'
import { shortest } from './configuration-files.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'graylane-any-text-'))
})
afterAll(() => rm(directory, { recursive: true }))

/** Never throws; every problem points into the file, and its line is one line. */
async function expectJudged(content: string | Uint8Array): Promise<boolean> {
  const path = join(directory, 'routes.yaml')
  await writeFile(path, content)
  const loaded = await loadConfiguration(path, { env: {}, anyAddress: '::' })
  const lines = Buffer.from(content)
    .toString()
    .replace(/^\ufeff/, '')
    .split('\n')
  for (const problem of loaded.problems) {
    expect(formatProblem(problem)).toMatch(/^[^\n\r]+:\d+:\d+: (error|warning) [a-z-]+: [^\n\r]+$/)
    expect(problem.line).toBeGreaterThanOrEqual(1)
    expect(problem.line).toBeLessThanOrEqual(lines.length)
    expect(problem.column).toBeGreaterThanOrEqual(1)
    expect(problem.column).toBeLessThanOrEqual((lines[problem.line - 1] ?? '').length + 1)
  }
  if (!('configuration' in loaded)) {
    expect(loaded.problems.some(({ severity }) => severity === 'error')).toBe(true)
    return false
  }
  compileConfiguration(loaded.configuration)
  return true
}

const rich = `${shortest}name: shop
trust: { proxies: [10.0.0.0/8, "::1/128"], header: x-real-ip }
draining: [v2]
gray:
  - name: office
    version: v2
    ip: [192.168.0.58]
  - version: v2
    match: [{ headers: { x-user: { regex: "j.*" } }, withoutHeaders: { x-bot: } }]
  - version: v2
    share: 5%
pin: { ttl: 8h, epoch: 3 }
limits: { headTimeout: 10s }
accessLog: { path: off }
tests: [{ request: { ip: 10.0.0.1, cookies: { a: b } }, expect: { version: v1 } }]
`

test('the text that the changes below begin with is good', async () => {
  expect(await expectJudged(rich)).toBe(true)
})

test('any text is judged, not thrown at', async () => {
  await fc.assert(fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 200 }), expectJudgedOnly), { numRuns: 300 })
})

test('any bytes are judged', async () => {
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), expectJudgedOnly), { numRuns: 200 })
})

/** What YAML and the schema read something into. */
const marks = `{ } [ ] , " ' # | > ? % @ &a *a !t << ~ :: --- ... : - \ufeff`.split(' ')
const words = 'null 1.10 true 5 5% __proto__ v2 gray regex match x-forwarded-for é 🙂'.split(' ')
const spaces = [' ', '\n', '\n  ', '    ', '\t', '\r\n', ': ', '- ', ' #', '---\n']
const piece = fc.constantFrom(...marks, ...words, ...spaces)

test('any pile of YAML is judged', async () => {
  const pile = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''))
  await fc.assert(fc.asyncProperty(pile, expectJudgedOnly), { numRuns: 500 })
})

test('a good file is judged after any cut, insertion or doubling', async () => {
  const change = fc.record({
    at: fc.nat(rich.length),
    length: fc.nat(30),
    pieces: fc.array(piece, { maxLength: 3 }),
  })
  const changed = change.map(({ at, length, pieces }) => rich.slice(0, at) + pieces.join('') + rich.slice(at + length))
  await fc.assert(fc.asyncProperty(changed, expectJudgedOnly), { numRuns: 600 })
})

async function expectJudgedOnly(content: string | Uint8Array): Promise<void> {
  await expectJudged(content)
}
