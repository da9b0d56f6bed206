// YAML as kubectl takes it: what a routes.yaml has to write out a manifest may say once and refer to.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { Problem } from '../../src/config/problem.ts'
import { lint } from '../../src/istio/lint.ts'
import type { Manifests } from '../../src/istio/read-manifests.ts'
import { manifestsAt } from './manifests-at.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graylane-yaml-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function read(text: string): Promise<{ manifests: Manifests; problems: readonly Problem[] }> {
  const path = join(folder, 'manifests.yaml')
  await writeFile(path, text)
  const { manifests, problems } = await manifestsAt(path)
  const short = (problem: Problem): Problem => ({ ...problem, file: 'manifests.yaml' })
  return { manifests, problems: problems.map(short) }
}

const head = 'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: front }\n'

/** The routes of the first VirtualService as plain values. */
function routes({ resources }: Manifests): unknown {
  const [first] = resources
  return first?.kind === 'VirtualService' ? first.spec.http : undefined
}

describe('a manifest', () => {
  const written = `${head}spec:
  hosts: [shop.example.com]
  http:
  - timeout: 5s
    name: beta
    route: [{ destination: { host: front, subset: v1 } }]
  - timeout: 9s
    name: rest
    route: [{ destination: { host: front, subset: v1 } }]
`
  const rows: [what: string, text: string][] = [
    [
      'an anchor and its alias',
      `${head}spec:
  hosts: [shop.example.com]
  http:
  - { timeout: 5s, name: beta, route: &v1 [{ destination: { host: front, subset: v1 } }] }
  - { timeout: 9s, name: rest, route: *v1 }
`,
    ],
    [
      'a merge key, under which the own keys count',
      `%YAML 1.1
---
${head}spec:
  hosts: [shop.example.com]
  http:
  - &beta { timeout: 5s, name: beta, route: [{ destination: { host: front, subset: v1 } }] }
  - <<: *beta
    name: rest
    timeout: 9s
...
`,
    ],
    [
      'several merged maps, of which the first counts',
      `${head}spec:
  hosts: [shop.example.com]
  http:
  - &beta { timeout: 5s, name: beta, route: [{ destination: { host: front, subset: v1 } }] }
  - <<: [{ name: rest }, { timeout: 9s, name: other }, *beta]
`,
    ],
    [
      'tags that say what a value is',
      written.replace('name: beta', 'name: !!str beta').replace('[shop', '!!seq [shop'),
    ],
  ]

  it.each(rows)('may hold %s', async (_, text) => {
    const [short, long] = [await read(text), await read(written)]
    expect(short.problems).toEqual([])
    expect(routes(short.manifests)).toEqual(routes(long.manifests))
  })

  it('keeps a number that a tag makes a text', async () => {
    const { manifests } = await read(`${head.replace('front', '!!str 12')}spec: { hosts: [!!str 10.0] }`)
    expect(manifests.resources[0]?.metadata.name).toBe('12')
  })

  it('is told once what is wrong with a value that three aliases stand for, at the place of the value', async () => {
    const { manifests } = await read(`${head}spec:
  hosts: [shop.example.com]
  http:
  - { match: [{ uri: { prefix: /a } }], timeout: &none 0s, route: &to [{ destination: { host: front, weight: 1 } }] }
  - { match: [{ uri: { prefix: /b } }], timeout: *none, route: *to }
  - { timeout: *none, route: *to }
`)
    const found = lint(manifests).filter(({ code }) => ['IST0106', 'unknown-field'].includes(code))
    expect(found.map(({ line, column, code }) => `${line}:${column} ${code}`)).toEqual([
      '7:56 IST0106',
      '7:102 unknown-field',
    ])
  })

  const refused: [what: string, text: string, problem: string][] = [
    ['an alias without its anchor', 'a: *b', 'manifests.yaml:1:4 alias a * begins an alias in YAML: put it in quotes'],
    ['an alias inside of its anchor', 'a: &b { c: *b }', 'manifests.yaml:1:12 alias *b stands for nothing'],
    ['an alias of another document', 'a: &b 1\n---\nc: *b', 'manifests.yaml:3:4 alias *b stands for nothing'],
    ['a merge of something else', 'a: &b 1\n<<: *b', 'manifests.yaml:1:7 merge-key << takes a map, or a list of maps'],
    ['a tag of its own', 'a: !env HOME', 'manifests.yaml:1:4 tag tags are not allowed'],
    [
      'a bomb',
      `a: &a0 [1,1,1,1,1,1,1,1,1,1]\n${Array.from({ length: 9 }, (_, level) => `k${level}: &a${level + 1} [${`*a${level},`.repeat(10)}]`).join('\n')}`,
      'manifests.yaml:5:38 size the aliases of this file stand for more than 100000 values',
    ],
    [
      'a template of Helm',
      `{{- if .Values.gray }}\n${head}spec: {}\n{{- end }}`,
      'manifests.yaml:1:1 template this is a template ({{ ... }}): render it first, as in helm template CHART',
    ],
    [
      'a value that Helm would fill in',
      `${head}spec:\n  hosts: [{{ .Values.host | quote }}]`,
      'manifests.yaml:5:11 template this is a template ({{ ... }}): render it first',
    ],
  ]

  it.each(refused)('may not hold %s', async (_, text, problem) => {
    const { problems } = await read(text)
    const [first] = problems
    expect(`${first?.file}:${first?.line}:${first?.column} ${first?.code} ${first?.message}`).toContain(problem)
    expect(problems).toHaveLength(1)
  })
})
