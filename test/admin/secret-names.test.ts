// Values that are nobody's business, wherever the admin server shows a configuration: as JSON, in rules, in what a reload changed.

import { describe, expect, it } from 'vitest'

import { configurationJson } from '../../src/admin/configuration-json.ts'
import { gatewayState } from '../../src/admin/gateway-state.ts'
import { ruleCondition } from '../../src/admin/rule-condition.ts'
import { exact, matches } from '../rules/specs.ts'
import { canary, smallView } from './small-view.ts'

const inPatch = (line: string): string => {
  const view = smallView()
  view.configuration = () => ({ file: 'routes.yaml', releases: [] })
  const [reload] = view.reloads.history
  view.reloads = { history: [{ ...reload!, patch: ` stable: v1\n${line}\n gray: []\n` }] }
  const { patch } = gatewayState(view, '').reloads[0]!
  expect(patch).toMatch(/^ stable: v1\n[^]*\n gray: \[\]\n$/)
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
    `+        ${name}: ${canary}`,
    `-        set: { x-a: b, "${name}": "${canary}" }`,
    `+  - { version: v2, match: [{ headers: { ${name}: { exact: ${canary} } } }] }`,
  ])('is not in the patch of a reload: %s', (line) => {
    expect(inPatch(line)).toContain('(not shown)')
    expect(inPatch(line)).not.toContain(canary)
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
  for (const line of ['+  cookie: graylane', '+identity: [{ token: { header: x-a, claim: sub } }]', '+  x-user: v2'])
    expect(inPatch(line)).toContain(line)
})
