import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Compile } from 'typebox/compile'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { configurationPage } from '../../src/config/configuration-page.ts'
import { editorSchema } from '../../src/config/write-schema.ts'
import { shortest } from './configuration-files.ts'

const config = join(import.meta.dirname, '../../config')
const written = readFileSync(join(config, 'routes.schema.json'), 'utf8')
const editor = Compile(JSON.parse(written) as object)

/** As an editor sees a file: by YAML 1.2's own types, numbers and truth included. */
function editorTakes(text: string): boolean {
  return editor.Check(parse(text))
}

test('config/routes.schema.json is what the schema says: `node src/config/write-schema.ts` renews it', () => {
  expect(written).toBe(editorSchema())
})

test('docs/configuration.md is what the schema says: the same command renews it', () => {
  const page = readFileSync(join(config, '../docs/configuration.md'), 'utf8')
  expect(page).toBe(configurationPage(editorSchema()))
})

test('the example names its schema in the line that editors look for', () => {
  const [first] = readFileSync(join(config, 'routes.yaml'), 'utf8').split('\n')
  expect(first).toBe('# yaml-language-server: $schema=./routes.schema.json')
})

test('the schema holds JSON Schema alone, and none of the words of our reader', () => {
  for (const word of ['expects', 'expectsKey', 'refusal', 'hidden']) expect(written).not.toContain(`"${word}"`)
})

describe('an editor', () => {
  test('takes the example', () => {
    expect(editorTakes(readFileSync(join(config, 'routes.yaml'), 'utf8'))).toBe(true)
  })

  test.each([
    ['numbers for texts', 'name: 7\ndraining: [1.10]\n'],
    ['truth for texts', 'gray: [{ version: v2, users: [true, 007] }]\n'],
    ['short forms', 'trust: [10.0.0.0/8]\naccessLog: off\n'],
    ['long forms', 'trust: { hops: 1 }\naccessLog: { path: a.log }\n'],
    ['a header that must be absent', 'gray: [{ version: v2, match: [{ withoutHeaders: { x-a: } }] }]\n'],
    ['empty sections', 'pin: {}\nlimits: {}\n'],
  ])('takes %s', (_what, lines) => {
    expect(editorTakes(shortest + lines)).toBe(true)
  })

  test('takes the names of manifests in place of a release, and no misspelt key there', () => {
    const listed = 'istio: [manifests]\nlisten: [{ port: 8080, gateway: 80 }]\ntrust: { hops: 1 }\n'
    expect(editorTakes(listed)).toBe(true)
    expect(editorTakes(listed.replace('gateway', 'gatway'))).toBe(false)
    expect(editorTakes(`${listed}stable: v1\n`)).toBe(false)
  })

  test.each([
    ['a misspelt key', 'drainin: [v2]\n'],
    ['a misspelt key further in', 'gray: [{ version: v2, match: [{ cookie: {} }] }]\n'],
    ['a share without its percent sign', 'gray: [{ version: v2, share: "5" }]\n'],
    ['a duration without a unit', 'pin: { ttl: "8" }\n'],
    ['an unknown choice', 'path: base\n'],
    ['manifests beside a release', 'istio: [a.yaml]\n'],
    ['a port out of range', 'tests: [{ request: {}, expect: {} }]\n'],
    ['a pool named base', 'versions: { v1: { base: [http://a] } }\n'],
  ])('marks %s', (_what, lines) => {
    const key = lines.split(':')[0] ?? ''
    const without = shortest
      .split('\n')
      .filter((line) => !line.startsWith(`${key}:`))
      .join('\n')
    expect(editorTakes(`${without}\n`)).toBe(key !== 'versions')
    expect(editorTakes(`${without}\n${lines}`)).toBe(false)
  })
})
