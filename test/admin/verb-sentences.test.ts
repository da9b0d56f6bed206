// What the release verbs say, and what they refuse, is known in Chinese: verbs on a file, and each sentence that comes of it.

import { join } from 'node:path'

import { expect, it } from 'vitest'

import { editRoutes, type ReleaseVerb } from '../../src/config/edit-routes.ts'

const folder = join(import.meta.dirname, '../../src/admin/dashboard')
const { chooseWords } = (await import(join(folder, 'words.js'))) as { chooseWords: (language: string) => void }
const { verbText } = (await import(join(folder, 'verb-sentences.js'))) as { verbText: (text: string) => string }

const routes = (more = '', identity = '[cookies.user]'): string => `name: shop
listen: [{ port: 8080 }, { port: 15001, internal: true, sourceLabels: { version: v4 } }]
services: { api: /api/, web: }
versions:
  v1: { web: "http://a1", api: "http://b1" }
  v2: { web: "http://a2", api: "http://b2" }
  v3: { web: "http://a3" }
  v4: { web: "http://a4", api: "http://b4" }
stable: v1
gray:
  - { name: office, version: v2, ip: [192.168.0.58] }
  - { name: first, version: v3, share: 1% }
  - { name: second, version: v3, share: 2% }
identity: ${identity}
${more}`

const officeLast = routes().replace(/( {2}- \{ name: office.*\n)([^]*)(identity)/, '$2$1$3')

const verbs: readonly (readonly [text: string, verb: ReleaseVerb])[] = [
  [routes(), { verb: 'add', version: 'v2', ip: ['10.0.0.1'], users: ['ann'] }],
  [routes(), { verb: 'add', version: 'v2', users: ['ann', 'bob'] }],
  [routes(), { verb: 'add', version: 'v9', users: ['ann'] }],
  [routes(), { verb: 'add', version: 'v2' }],
  [routes(), { verb: 'add', version: 'v2', ip: ['10.0.0'] }],
  [routes(), { verb: 'add', version: 'v2', users: [''] }],
  [routes('', '[clientIp]'), { verb: 'add', version: 'v2', users: ['ann'] }],
  [routes(), { verb: 'add', version: 'v2', users: ['ann'], rule: 'office' }],
  [officeLast, { verb: 'add', version: 'v2', ip: ['10.0.0.1'], rule: 'office' }],
  [routes('draining: [v2]\n'), { verb: 'share', version: 'v2', share: '5%' }],
  [routes(), { verb: 'share', version: 'v2', share: '500%' }],
  [routes(), { verb: 'share', version: 'v1', share: '5%' }],
  [routes(), { verb: 'share', version: 'v3', share: '5%' }],
  [routes(), { verb: 'share', version: 'v3', rule: 'second', share: '1%' }],
  [routes(), { verb: 'promote', version: 'v2' }],
  [routes(), { verb: 'promote', version: 'v3' }],
  [routes(), { verb: 'rollback', version: 'v2', now: true }],
  [routes(), { verb: 'rollback', version: 'v1' }],
  [routes(), { verb: 'rollback', version: 'v1', to: 'v1' }],
  [routes('draining: [v2, v3]\n'), { verb: 'rollback', version: 'v1' }],
  [routes(), { verb: 'retire', version: 'v1' }],
  [routes(), { verb: 'retire', version: 'v2' }],
  [routes('draining: [v2]\n'), { verb: 'retire', version: 'v2' }],
  [routes('draining: [{ version: v2, since: 2036-01-01T00:00:00Z }]\n'), { verb: 'retire', version: 'v2' }],
  [routes('draining: [{ version: v2, since: 2026-01-01T00:00:00Z }]\n'), { verb: 'retire', version: 'v2' }],
  [
    routes(
      'draining: [{ version: v2, since: 2025-01-01T00:00:00Z }]\ntests: [{ request: {}, expect: { version: v2 } }]\n',
    ),
    { verb: 'retire', version: 'v2' },
  ],
  [routes('draining: [{ version: v4, since: 2025-01-01T00:00:00Z }]\n'), { verb: 'retire', version: 'v4' }],
]

const told = verbs.flatMap(([text, verb]) => {
  const edited = editRoutes(text, verb, new Date('2026-01-01T01:00:00Z'))
  return 'refused' in edited ? [edited.reason] : edited.changes
})
// release-edit.ts and the server say these.
const others = [
  'routes.yaml has errors: mend it first',
  'routes.yaml cannot be read',
  'the file would have errors then',
  'ann gets v1 by rule desk (line 13), which stands further up: take it out there first',
  'open pages of v2 would cross: api answers them from v1 now, and would from no pool',
  'The file changed since the preview',
]

it('is told in many sentences', () => expect(new Set(told).size).toBeGreaterThan(25))

it.each([...new Set([...told, ...others])])('%s: is said in Chinese', (sentence) => {
  chooseWords('zh')
  const text = verbText(sentence)
  expect(text).toMatch(/\p{Script=Han}/u)
  // What is left of English is names, times and words of the file.
  const left = text.match(/[a-z]{2,}/gi) ?? []
  const plain =
    /^(?:ann|bob|api|web|desk|rule|line|routes|yaml|no|pool|clientIp|identity|cookies|headers|NAME|CIDR|versions|draining|since|pin|ttl|sourceLabels|office|users)$/
  expect(left.filter((word) => !plain.test(word))).toEqual([])
  chooseWords('en')
  expect(verbText(sentence)).toBe(sentence.replace(/ \(--[a-z]+\)$/, ''))
})
