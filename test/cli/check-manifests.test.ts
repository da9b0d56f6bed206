import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { graylane } from './graylane-process.ts'
import { routes } from './routes.ts'

const seed = resolve(import.meta.dirname, '../istio/seed')
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graylane-check-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function written(name: string, text: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, text)
  return path
}

function routesWithField(): string {
  return `listen: [{ port: 0 }]
services:
  app:
    headers:
      request:
        set:
          apiVersion: v1
versions: { v1: { app: "http://10.0.0.1" } }
stable: v1
`
}

describe('graylane check of manifests', () => {
  it('prints every slip of the story with its place, and ends with 1', async () => {
    const { out, code } = await graylane(['check', seed])
    expect(out).toMatch(/5-frontend-routes\.yaml:9:5: error IST0101: gateway bookinfo-gateway is not there/)
    expect(out).toMatch(/2-mqtt-server\.yaml:99:9: info GL013: the comment speaks against NodePort/)
    expect(out).toMatch(/: not good \(5 errors, 11 warnings, 5 notes\)\n$/)
    expect(code).toBe(1)
  })

  it('takes all paths as one set: what one file refers to may stand in another', async () => {
    const both = await graylane(['check', join(seed, '2-mqtt-server.yaml'), join(seed, '4-mqtt-server-routes.yaml')])
    expect(both.out).not.toContain('IST0101')
    const alone = await graylane(['check', join(seed, '4-mqtt-server-routes.yaml')])
    expect(alone.out).toContain('host "mqtt-server" is no service')
  })

  it.each([
    ['manifests in one line of JSON', 'm.json', '{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"}}', false],
    ['a routes.yaml that sends a field of that name', 'r.yaml', routesWithField(), true],
  ])('takes for what it is, as serve does: %s', async (_what, name, text, isRelease) => {
    const path = await written(name, text)
    const { out } = await graylane(['check', path])
    // Manifests have no tests.
    expect(out).toMatch(
      isRelease ? /: good \(0 errors, \d warnings?, 0 tests\)\n$/ : /: good \(0 errors, 0 warnings\)\n$/,
    )
  })

  // A file that is missing when it is mounted into a container becomes a folder.
  it.each([['check'], ['import'], ['serve', '--config'], ['explain', '/', '--config']])(
    '%s says of a folder without a manifest that there is none',
    async (...verb) => {
      const empty = join(folder, `empty-${verb[0]}`)
      await mkdir(empty)
      const { out, err, code } = await graylane([...verb, empty])
      expect([code, out + err]).toEqual([
        1,
        expect.stringContaining(`${empty}:1:1: error document: no manifest is in ${empty}`),
      ])
    },
  )

  it('says of a folder that lies too deep that it is not read', async () => {
    const deep = join(folder, 'deep', ...'123456789'.split(''))
    await mkdir(deep, { recursive: true })
    await written(join('deep', 'service.yaml'), 'apiVersion: v1\nkind: Service\nmetadata: { name: a }\n')
    const { out } = await graylane(['check', join(folder, 'deep')])
    expect(out).toContain(`:1:1: warning file: ${deep}/ is not read: no more than 8 directories one in another are\n`)
  })

  it('tells a routes.yaml in a folder of manifests from a broken manifest', async () => {
    await mkdir(join(folder, 'mixed'))
    const path = await written('mixed/routes.yaml', routes())
    const { out } = await graylane(['check', join(folder, 'mixed')])
    expect(out).toContain(
      `${path}:1:1: error document: this is no resource: apiVersion and kind are wanted (a routes.yaml is named itself`,
    )
  })

  it('reads manifests and a routes.yaml in one go', async () => {
    const path = await written('routes.yaml', routes().replace('pin: { keys: [{ file: pin.key }] }', ''))
    const { out, code } = await graylane(['check', path, join(seed, '3-gateway.yaml')])
    expect(out.replaceAll(folder, '').match(/^.*: good .*$/gm)).toEqual([
      '/routes.yaml: good (0 errors, 1 warning, 0 tests)',
      `${join(seed, '3-gateway.yaml')}: good (0 errors, 0 warnings)`,
    ])
    expect(code).toBe(0)
  })

  it('ends with 1 on warnings when it is strict, never on notes', async () => {
    const mesh = [join(seed, '2-mqtt-server.yaml'), join(seed, '4-mqtt-server-routes.yaml')]
    expect((await graylane(['check', ...mesh])).code).toBe(0)
    expect((await graylane(['check', '--strict', ...mesh])).code).toBe(1)
    const note =
      'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: a }\nspec: { hosts: [a.test], http: [{ match: [{ uri: { exact: /a } }], directResponse: { status: 200 } }] }\n'
    const { out, code } = await graylane(['check', '--strict', await written('note.yaml', note)])
    expect(out).toContain('info GL016')
    expect(code).toBe(0)
  })

  it('writes JSON with the origin of each finding, and annotations for GitHub', async () => {
    const { out } = await graylane(['check', '--format', 'json', join(seed, '5-frontend-routes.yaml')])
    const { ok, files } = JSON.parse(out) as { ok: boolean; files: { problems: object[] }[] }
    expect(ok).toBe(false)
    expect(files[0]?.problems).toContainEqual(
      expect.objectContaining({
        code: 'GL009',
        line: 13,
        column: 7,
        severity: 'error',
        origin: 'VirtualService default/frontend-server',
      }),
    )
    const github = await graylane(['check', '--format', 'github', seed])
    expect(github.out).toMatch(/^::notice file=.*5-frontend-routes\.yaml,line=18,col=17,title=GL013::/m)
    expect(github.out).toMatch(/^::error file=.*title=GL009::/m)
  })

  it('says where YAML ends being YAML, and of a path that is not there', async () => {
    const broken = await graylane(['check', await written('broken.yaml', 'apiVersion: v1\nkind: [')])
    expect(broken).toMatchObject({ code: 1, out: expect.stringMatching(/broken\.yaml:2:\d+: error/) })
    expect(await graylane(['check', join(folder, 'nowhere.yaml')])).toMatchObject({
      code: 1,
      out: expect.stringContaining('there is no such file'),
    })
  })
})

describe('graylane check of a routes.yaml', () => {
  it('warns of gray rules that can never fire', async () => {
    const yaml = routes().replace('gray:', 'gray:\n  - { name: all, version: v2, ip: [192.168.0.0/16, 127.0.0.0/8] }')
    const { out, code } = await graylane([
      'check',
      await written('covered.yaml', yaml.replace('pin: { keys: [{ file: pin.key }] }', '')),
    ])
    expect(out).toMatch(
      /covered\.yaml:13:5: warning GL008: gray rule office can never fire: gray rule all above takes all of its visitors/,
    )
    expect(code).toBe(0)
  })
})
