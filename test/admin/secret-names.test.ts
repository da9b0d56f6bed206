// Values that are nobody's business, wherever the admin server shows a configuration: as JSON, in rules, in what a reload changed.

import { describe, expect, it } from 'vitest'

import { configurationJson } from '../../src/admin/configuration-json.ts'
import { ruleCondition } from '../../src/admin/rule-condition.ts'
import { ShownText } from '../../src/config/shown-text.ts'
import { shownPatch } from '../../src/config/text-patch.ts'
import { exact, matches } from '../rules/specs.ts'
import { canary } from './small-view.ts'

const patchOf = (before: string, after: string): string =>
  shownPatch('r.yaml', new ShownText(before), new ShownText(after))

/** A reload that adds this, as the history shows it. */
const inPatch = (written: string): string => {
  const patch = patchOf('stable: v1\ngray: []\n', `stable: v1\n${written}\ngray: []\n`)
  expect(patch).toMatch(/^--- a\/r\.yaml\n\+\+\+ b\/r\.yaml\n@@ .*\n stable: v1\n\+[^]*\n gray: \[\]\n$/)
  return patch
}

describe.each([
  'authorization',
  'Proxy-Authorization',
  'x-auth-token',
  'client_secret',
  'x-password',
  'passwd',
  'session',
  'x-session-id',
  'set-cookie',
  'api-key',
  'X-ApiKey',
])('the value of %s', (name) => {
  it('is not among the fields that are set', () => {
    expect(configurationJson({ set: new Map([[name, canary]]) })).toEqual({ set: { [name]: '(not shown)' } })
  })

  it('is not told of a rule', () => {
    for (const kind of ['headers', 'queryParams', 'cookies'] as const) {
      const condition = ruleCondition(matches({ [kind]: { [name]: exact(canary) } }))
      expect(condition).toMatchObject({ anyOf: [[{ of: kind, name, is: 'hidden' }]] })
      expect(JSON.stringify(condition)).not.toContain(canary)
    }
  })

  it.each([
    `${name}: ${canary}`,
    `set: { x-a: b, "${name}": "${canary}" }`,
    `match: [{ headers: { ${name}: { exact: ${canary} } } }]`,
    `# ${name}: ${canary}`,
    `headers:\n  ${name}:\n    exact: ${canary}`,
    `headers:\n  ${name}:\n    in: [a,\n      ${canary}]`,
    `headers:\n  ${name}:\n    in:\n    - a\n    - ${canary}`,
    `${name}: |\n  a\n\n  ${canary}\n  b`,
    `${name}: >-\n  a\n  ${canary}`,
    `${name}: "a\n\n ${canary}\n b"`,
    `${name}: a\n  ${canary}`,
    `set: { ${name}:\n  ${canary} }`,
    `? ${name}\n: ${canary}`,
    `set: { 'x-a': b,\r\n  '${name}':\r\n  '${canary}' }\r`,
  ])('is not in the patch of a reload: %s', (written) => {
    expect(inPatch(written)).toContain('(not shown)')
    expect(inPatch(written)).not.toContain(canary)
  })
})

it('other values are shown, those of a cookie that a rule looks for too', () => {
  expect(ruleCondition(matches({ headers: { cookie: exact('user=jason') } }))).toMatchObject({
    anyOf: [[{ values: ['user=jason'] }]],
  })
  expect(configurationJson({ set: new Map([['user', 'v2']]), match: new Map([['cookie', 'a=b']]) })).toEqual({
    set: { user: 'v2' },
    match: { cookie: 'a=b' },
  })
  expect(configurationJson({ add: new Map([['cookie', 'sid=4711']]) })).toEqual({ add: { cookie: '(not shown)' } })
  for (const line of ['cookie: graylane', 'identity: [{ token: { header: x-a, claim: sub } }]', 'x-user: v2'])
    expect(inPatch(line)).toContain(`+${line}\n`)
})

describe('a patch that is shown', () => {
  const value = (...lines: readonly string[]): string =>
    `a: 1\nset:\n  x-token: |\n${lines.map((line) => `    ${line}\n`).join('')}b: 2\n`

  it('says which lines of a long value changed, and not what they say, though its name stands further up', () => {
    const before = value('one', 'two', 'three', 'four', 'five')
    const patch = patchOf(before, before.replace('five', canary))
    expect(patch).toBe(`--- a/r.yaml
+++ b/r.yaml
@@ -5,5 +5,5 @@
     (not shown)
     (not shown)
     (not shown)
-    (not shown)
+    (not shown)
 b: 2
`)
  })

  it('shows no line that is part of a value only now, or was', () => {
    const plain = value(canary).replace('x-token', 'x-user')
    expect(patchOf(plain, value(canary))).not.toContain(canary)
    expect(patchOf(value(canary), plain)).not.toContain(canary)
  })

  it('shows what else stands on the lines around and behind a value', () => {
    const written = 'set: { x-token: [a,\n  b], x-user: jason }\nsession-service: { timeout: 1s }\n'
    expect(new ShownText(written).lines).toEqual([
      'set: { x-token: (not shown)',
      '  (not shown), x-user: jason }',
      'session-service: { timeout: 1s }',
      '',
    ])
  })
})
