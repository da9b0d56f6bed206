import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'

import { graylane } from './graylane-process.ts'
import { routes, useRoutes } from './routes.ts'

const folder = useRoutes()

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace: string }
  readonly spec: Record<string, unknown>
}

async function exported(
  yaml: string,
  ...args: string[]
): Promise<{ manifests: Manifest[]; out: string; err: string; code: number }> {
  await folder.write(yaml)
  const { out, err, code } = await graylane(['export', 'istio', '--config', folder.path, ...args])
  const manifests = parseAllDocuments(out).map((document) => document.toJS() as Manifest)
  return { manifests, out, err: err.replaceAll(folder.path, 'FILE'), code }
}

function find({ manifests }: { manifests: Manifest[] }, kind: string, name: string): Record<string, unknown> {
  const found = manifests.find((one) => one.kind === kind && one.metadata.name === name)
  if (found === undefined) throw new Error(`no ${kind} ${name}`)
  return found.spec
}

describe('graylane export istio', () => {
  it('writes a Gateway, a VirtualService at it, and for each service an entry, a rule and a VirtualService in the mesh', async () => {
    const { manifests, code } = await exported(routes(), '--namespace', 'shop')
    expect(code).toBe(0)
    expect(manifests.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`)).toEqual([
      'Gateway shop/shop-gateway',
      'VirtualService shop/shop-edge',
      'VirtualService shop/mqtt-server-mesh',
      'ServiceEntry shop/mqtt-server',
      'DestinationRule shop/mqtt-server',
      'VirtualService shop/frontend-mesh',
      'ServiceEntry shop/frontend',
      'DestinationRule shop/frontend',
    ])
  })

  it('keeps callers on their version by their label, then by the header they pass on', async () => {
    const { http } = find(await exported(routes()), 'VirtualService', 'mqtt-server-mesh') as {
      http: { match?: object[]; route: { destination: { subset: string } }[] }[]
    }
    expect(http.map(({ match, route }) => [match, route[0]?.destination.subset])).toEqual([
      [[{ sourceLabels: { version: 'v1' } }], 'v1'],
      [[{ sourceLabels: { version: 'v2' } }], 'v2'],
      [[{ headers: { 'x-version': { exact: 'v1' } } }], 'v1'],
      [[{ headers: { 'x-version': { exact: 'v2' } } }], 'v2'],
      [undefined, 'v1'],
    ])
  })

  const trusts: { says: string; yaml: string; header: string; fits: string[]; misses: string[] }[] = [
    {
      says: 'the address that the gateway itself found, when nobody is trusted',
      yaml: '',
      header: 'x-envoy-external-address',
      fits: ['192.168.0.58'],
      misses: ['192.168.0.5', '192.168.0.580', '192.168.0.58,127.0.0.1'],
    },
    {
      says: 'the whole chain of trusted proxies, when they are named',
      yaml: 'trust: [10.0.0.0/8]',
      header: 'x-forwarded-for',
      fits: ['192.168.0.58', '192.168.0.58,10.0.0.7', '1.2.3.4, 192.168.0.58, 10.1.1.1,10.0.0.7'],
      misses: ['192.168.0.58,1.2.3.4', '192.168.0.58,10.0.0.7,1.2.3.4', '192.168.0.580,10.0.0.7'],
    },
  ]
  it.each(trusts)('matches $says', async ({ yaml, header, fits, misses }) => {
    const { http } = find(await exported(routes({}, yaml)), 'VirtualService', 'shop-edge') as {
      http: { match: { headers: Record<string, { regex: string }> }[] }[]
    }
    const regex = new RegExp(`^(?:${http[0]?.match[0]?.headers[header]?.regex})$`)
    expect([...fits, ...misses].filter((value) => regex.test(value))).toEqual(fits)
  })

  it('finds one cookie among others, as browsers send them', async () => {
    const { http } = find(await exported(routes()), 'VirtualService', 'shop-edge') as {
      http: { name: string; match: { headers: { cookie: { regex: string } } }[] }[]
    }
    const rule = http.find(({ match }) => match?.[0]?.headers?.cookie !== undefined)
    const regex = new RegExp(`^(?:${rule?.match[0]?.headers.cookie.regex})$`)
    expect(
      ['user=jason', 'a=b; user=jason', 'user=jason ;a=b', 'xuser=jason', 'user=jason2', 'a=user=jason'].map((value) =>
        regex.test(value),
      ),
    ).toEqual([true, true, true, false, false, false])
  })

  it('says on standard error and in the file what the mesh cannot do, with its place', async () => {
    const yaml = routes().replace('gray:', 'gray:\n  - { name: some, version: v2, share: 5% }')
    const { out, err, code } = await exported(yaml, '--strict')
    expect(err).toMatch(/^FILE:12:5: warning export-share: gray rule some: v2, share 5%: left out/m)
    expect(err).toMatch(/info export-pin: pins are not expressed/)
    expect(out).toMatch(/^# Line 12: gray rule some: v2, share 5%/m)
    expect(out).toMatch(/^# - documents, subresources and preflights are not told apart/m)
    expect(code).toBe(1)
    // What no manifest can say is no fault of the file.
    expect((await exported(routes(), '--strict')).code).toBe(0)
  })

  it('writes names and texts that any reader of YAML takes for texts', async () => {
    const yaml = routes()
      .replaceAll('v2', '"1.10"')
      .replace('{ exact: jason }', '{ exact: "yes: #no" }')
      .replace(
        'mqtt-server: /api/',
        'mqtt-server: { match: [{ uri: { prefix: /api/ }, queryParams: { on: { exact: "007" } } }] }',
      )
    const spec = find(await exported(yaml), 'VirtualService', 'shop-edge')
    expect(JSON.stringify(spec)).toContain('"queryParams":{"on":{"exact":"007"}}')
    expect(JSON.stringify(spec)).toContain('yes: #no')
    expect(find(await exported(yaml), 'DestinationRule', 'frontend')['subsets']).toEqual([
      { name: 'v1', labels: { version: 'v1' } },
      { name: '1-10', labels: { version: '1.10' } },
    ])
  })

  it('refuses a configuration that serve refuses, and other words', async () => {
    await folder.write(routes().replace('stable: v1', 'stable: v9'))
    const refused = await graylane(['export', 'istio', '--config', folder.path])
    expect({ ...refused, out: refused.out }).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('"v9" is not listed'),
    })
    expect(await graylane(['export', 'nginx'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('istio or envoy, not "nginx"'),
    })
  })
})

describe('graylane import', () => {
  it('makes of what export wrote a routes.yaml that check finds good', async () => {
    await folder.write(routes().replace('pin: { keys: [{ file: pin.key }] }', ''))
    const { out: manifests } = await graylane(['export', 'istio', '--config', folder.path])
    const istio = folder.path.replace('routes.yaml', 'istio.yaml')
    await writeFile(istio, manifests)
    const { out, err, code } = await graylane(['import', istio])
    expect({ err, code }).toEqual({ err: '', code: 0 })
    await folder.write(out)
    expect((await graylane(['check', folder.path])).out).toMatch(/good \(0 errors, 1 warning, 0 tests\)/)
    expect((await graylane(['check', istio])).out).toMatch(/good \(0 errors, 0 warnings\)/)
  })

  it('says what it could not carry over, and ends with 1 when there is nothing to decide', async () => {
    const seed = resolve(import.meta.dirname, '../istio/seed')
    const whole = await graylane(['import', seed])
    expect(whole).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/error import-nothing: no VirtualService that can be used is bound/),
    })
    expect(whole.err).toMatch(/5-frontend-routes\.yaml:7:5: error IST0106/)
    const gone = await graylane(['import', 'gone.yaml'])
    expect(gone).toMatchObject({
      code: 1,
      out: '',
      err: 'gone.yaml:1:1: error file: gone.yaml: there is no such file\n',
    })
    expect(await graylane(['import'])).toMatchObject({ code: 2, err: expect.stringContaining('which files?') })
  })
})
