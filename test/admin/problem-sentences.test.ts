// What is wrong with a file is said in Chinese too: files with one thing wrong, as the loader and the linter tell it, and what the admin
// server refuses.

import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { createGuard } from '../../src/admin/guard.ts'
import { explainInput } from '../../src/admin/explain-schema.ts'
import { loadAnyConfiguration } from '../../src/any-configuration.ts'
import { formatProblem } from '../../src/config/problem.ts'

const folder = join(import.meta.dirname, '../../src/admin/dashboard')
const { chooseWords } = (await import(join(folder, 'words.js'))) as { chooseWords: (language: string) => void }
const { problemText, refusalText } = (await import(join(folder, 'problem-sentences.js'))) as Record<
  'problemText' | 'refusalText',
  (text: string) => string
>

const base = `listen: [{ port: 8080 }]
services: { api: /api/, web: {} }
versions:
  v1: { web: "http://a1", api: "http://b1" }
  v2: { web: "http://a2", api: "http://b2" }
stable: v1
`
const gray = (...rules: readonly string[]): string =>
  `${base}gray: [${rules.map((rule) => `{ ${rule} }`).join(', ')}]\n`

const files: Readonly<Record<string, string>> = {
  'an unknown version': base.replace('stable: v1', 'stable: v9'),
  'an unknown key': `${base}gry: []\n`,
  'a missing key': 'listen: [{ port: 8080 }]\n',
  'a key twice': `${base}stable: v2\n`,
  'a rule without a condition': gray('version: v2'),
  'a rule with two': gray('version: v2, share: 5%, ip: [10.0.0.1]'),
  'a share without its sign': gray('version: v2, share: 5'),
  'an address that is none': gray('version: v2, ip: [300.1.1.1]'),
  'a list that is not there': gray('version: v2, users: { file: none.txt }'),
  'a duration that is none': `${base}pin: { ttl: 8x }\n`,
  'a port that is none': base.replace('a1', 'a1:99999'),
  'a key of pins that is not set': `${base}pin: { keys: [{ env: GRAYLANE_TEST_UNSET }] }\n`,
  'a stable version that drains': `${base}draining: [v1]\n`,
  'a pool that is a listener': base.replace('http://a1', 'http://127.0.0.1:8080'),
  'a rule behind one that takes all': gray('name: a, version: v2, ip: [10.0.0.0/8]', 'version: v2, ip: [10.0.0.1]'),
  'one that leads elsewhere': gray('version: v1, ip: [10.0.0.0/8]', 'name: b, version: v2, ip: [10.0.0.1]'),
  'a share of stable': gray('name: a, version: v1, share: 5%'),
  'a share of nobody': gray('name: a, version: v2, share: 0%'),
  'a match that cannot hold': gray('name: a, version: v2, match: [{ uri: { prefix: a } }, { method: { exact: GET } }]'),
  'a match on a query': gray('name: a, version: v2, match: [{ uri: { exact: /a?b } }]'),
  'a match on the field of the edge': gray('version: v2, match: [{ headers: { x-version: { exact: v2 } } }]'),
  'a service behind one that takes all': base.replace('{ api: /api/, web: {} }', '{ web: {}, api: /api/ }'),
  'two versions with one pool': base.replace('a2', 'a1').replace('b2', 'b1'),
}

/** What is no name, place or code. */
function englishIn(text: string): readonly string[] {
  const plain =
    /^(?:routes|yaml|none|txt|pin|keys|env|v\d|a\d|api|web|http|gray|gry|services|versions|stable|ip|users|match|share|ttl|uri|method|headers|version|queryParams|CIDR|IP|Host|Bearer|edge|ms|x|[a-z])$/
  const words = text.replace(/GRAYLANE_\w+/g, '').match(/[a-z]+\d*/gi) ?? []
  return words.filter((word) => !plain.test(word))
}

describe('in Chinese', () => {
  it.each(Object.entries(files))('%s is told', async (_name, text) => {
    // As the reader of files answers: bytes, or why there are none.
    const read = async (path: string): Promise<Uint8Array | string> =>
      path.endsWith('routes.yaml') ? Buffer.from(text) : 'there is no such file'
    const { problems } = await loadAnyConfiguration('routes.yaml', { read })
    expect(problems).not.toEqual([])
    for (const problem of problems) {
      const line = formatProblem(problem)
      chooseWords('zh')
      const said = problemText(line)
      chooseWords('en')
      expect(problemText(line)).toBe(line)
      expect(said).toMatch(/^routes\.yaml:\d+:\d+：(?:错误|警告) /)
      expect(englishIn(said.replace(` ${problem.code}：`, ' ')), said).toEqual([])
    }
  })

  const guard = createGuard({ host: '127.0.0.1', token: 'a-token-of-some-length' })
  const asked = { host: '127.0.0.1', origin: undefined, secFetchSite: undefined, authorization: '', localAddress: '' }
  const listeners = [{ name: 'edge', address: '127.0.0.1', port: 80, internal: false, secure: false }]
  it.each([
    guard({ ...asked, host: 'evil.example' })?.title,
    guard({ ...asked, origin: 'http://evil.example' })?.title,
    guard(asked)?.title,
    explainInput({ url: '/', ip: 'x' }, listeners),
    explainInput({ url: '/', listener: 'x' }, listeners),
    explainInput({ url: '/', port: '81' }, listeners),
  ])('the refusal %s is told', (refusal) => {
    chooseWords('zh')
    const said = refusalText(String(refusal))
    chooseWords('en')
    expect(said).toMatch(/\p{Script=Han}/u)
    expect(englishIn(said)).toEqual([])
  })

  it('what the YAML parser says stays as it is, behind its severity', () => {
    chooseWords('zh')
    expect(problemText('routes.yaml:3:1: error yaml: Flow map must end with a }')).toBe(
      'routes.yaml:3:1：错误 yaml：Flow map must end with a }',
    )
    chooseWords('en')
  })
})
