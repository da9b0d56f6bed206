import { generateKeyPairSync, hash } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { defaultLimits } from '../../src/proxy/http1/limits.ts'
import type { Configuration } from '../../src/config/configuration.ts'
import { loadConfiguration } from '../../src/config/load.ts'
import { compileConfiguration } from '../../src/config/snapshot.ts'
import type { GrayRuleSpec, ServiceSpec } from '../../src/rules/release.ts'
import type { RequestMatchSpec } from '../../src/rules/types.ts'
import { load, loadGood, problemsOf, shortest, withKey } from './configuration-files.ts'

/** Without places, names of files and the hash: what a configuration means. */
function meaningOf({ file: _file, files: _files, hash: _hash, text: _text, ...rest }: Configuration): unknown {
  return withoutPlaces(rest)
}

function withoutPlaces(value: unknown): unknown {
  if (value instanceof Map) return new Map([...value].map(([key, part]) => [key, withoutPlaces(part)]))
  if (Array.isArray(value)) return value.map(withoutPlaces)
  if (typeof value !== 'object' || value === null || value instanceof Set || ArrayBuffer.isView(value)) return value
  const entries = Object.entries(value).filter(([key]) => key !== 'place')
  return Object.fromEntries(entries.map(([key, part]) => [key, withoutPlaces(part)]))
}

async function ruleOf(condition: string, files: Record<string, string> = {}): Promise<GrayRuleSpec> {
  const { releases } = await loadGood(`${shortest}gray:\n  - version: v2\n    ${condition}\n`, files)
  return releases[0]?.gray[0] as GrayRuleSpec
}

async function matchOf(item: string, files: Record<string, string> = {}): Promise<RequestMatchSpec> {
  const { condition } = await ruleOf(`match: [${item}]`, files)
  if (condition.kind !== 'match') throw new Error(condition.kind)
  return condition.items[0] as RequestMatchSpec
}

async function serviceOf(lines: string): Promise<ServiceSpec> {
  const { releases } = await loadGood(shortest.replace('{ app: }', `\n  app:\n    ${lines}`))
  return releases[0]?.services[0] as ServiceSpec
}

describe('the shortest file', () => {
  test('gets every documented default', async () => {
    const { listen, trust, path, limits, accessLog, releases, keys, tests } = await loadGood(shortest)
    expect(listen).toMatchObject([{ port: 8080, address: '::', internal: false, from: [], sourceLabels: undefined }])
    expect(trust).toEqual({ proxies: [], hops: undefined, header: undefined })
    expect({ path, accessLog }).toEqual({ path: 'strict', accessLog: { path: 'stdout', format: 'json' } })
    expect(limits).toEqual({ ...defaultLimits, requestsPerAddress: 0 })
    expect(releases).toMatchObject([
      {
        name: 'default',
        hosts: ['*'],
        stable: 'v1',
        draining: new Set(),
        gray: [],
        identity: [{ kind: 'clientIp' }],
        pin: {
          cookie: 'graylane',
          header: 'x-version',
          pageHeader: 'x-page-version',
          ttlSeconds: 8 * 3600,
          epoch: 1,
          repin: 'widen',
          sameSite: 'lax',
          domain: undefined,
        },
      },
    ])
    expect(keys).toEqual(new Map([['default', []]]))
    expect(tests).toEqual(new Map([['default', []]]))
  })

  test('is warned of its random key, and of nothing else', async () => {
    const { problems } = await load(shortest)
    expect(problems).toMatchObject([{ severity: 'warning', code: 'no-keys', line: 1 }])
    expect((await load(shortest + withKey)).problems).toEqual([])
  })

  test('listens on IPv4 alone where the system has no IPv6', async () => {
    const listen = 'listen: [{ port: 8080 }, { port: 15001, internal: true }]'
    const read = async (): Promise<Buffer> => Buffer.from(shortest.replace(/listen: .*/, listen))
    const loaded = await loadConfiguration('routes.yaml', { env: {}, anyAddress: '0.0.0.0', read })
    if (!('configuration' in loaded)) throw new Error('not loaded')
    expect(loaded.configuration.listen.map(({ address }) => address)).toEqual(['0.0.0.0', '127.0.0.1'])
  })
})

describe('short and long forms', () => {
  test.each([
    ['a list of proxies', 'trust: [10.0.0.0/8]', 'trust: { proxies: [10.0.0.0/8] }'],
    ['an access log', 'accessLog: off', 'accessLog: { path: off }'],
    ['one endpoint', '', ''],
    ['ip', 'gray: [{ version: v2, ip: [10.0.0.1] }]', 'gray: [{ version: v2, match: [{ clientIp: [10.0.0.1] }] }]'],
    ['defaults', '', 'hosts: ["*"]\ndraining: []\ngray: []\nidentity: [clientIp]\npath: strict\ntests: []\nlimits: {}'],
    ['a release without changes', '', 'rollout: { settle: 0s }\npin: { ttl: 480m, epoch: 1, keys: [] }'],
  ])('%s mean the same', async (_what, short, long) => {
    const listed = shortest.replace('http://10.0.0.1', '[http://10.0.0.1:80/]')
    expect(meaningOf(await loadGood(`${shortest}${short}\n`))).toEqual(meaningOf(await loadGood(`${listed}${long}\n`)))
  })

  test.each([
    ['/api/', '{ match: [{ uri: { prefix: /api/ } }] }'],
    ['', '{}'],
    ['', '{ match: [], timeout: 0s, onStale: reload }'],
  ])('a service %o is short for %o', async (short, long) => {
    const [a, b] = [short, long].map((app) => loadGood(shortest.replace('app: }', `app: ${app} }`)))
    expect(meaningOf(await (a as Promise<Configuration>))).toEqual(meaningOf(await (b as Promise<Configuration>)))
  })

  test('flow and block style mean the same', async () => {
    const block = 'listen:\n  - port: 8080\nservices:\n  app:\nversions:\n  v1:\n    app: http://10.0.0.1\n'
    const rest = '  v2:\n    app:\n      - http://10.0.0.2\nstable: "v1"\n'
    expect(meaningOf(await loadGood(block + rest))).toEqual(meaningOf(await loadGood(shortest)))
  })
})

describe('scalars are what was written', () => {
  test('as names of versions', async () => {
    const names = [
      '1.10',
      '007',
      '0x1F',
      '1e3',
      'on',
      'null',
      'true',
      '2026-01-01',
      'constructor',
      '12345678901234567890',
    ]
    const versions = names.map((name) => `${name}: { app: http://10.0.0.1 }`).join(', ')
    const { releases } = await loadGood(
      `listen: [{ port: 8080 }]\nservices: { app: }\nversions: { ${versions} }\nstable: 1.10\ndraining: [on]\n`,
    )
    expect([...(releases[0]?.versions.keys() ?? [])]).toEqual(names)
    expect(releases[0]).toMatchObject({ stable: '1.10', draining: new Set(['on']) })
  })

  test('as users', async () => {
    const { condition } = await ruleOf("users: [007, 12345678901234567890, on, ~, 1.10, \"yes\", 'it''s', null]")
    expect(condition).toEqual({
      kind: 'users',
      users: new Set(['007', '12345678901234567890', 'on', '~', '1.10', 'yes', "it's", 'null']),
    })
  })

  test('as values of a match', async () => {
    const { headers } = await matchOf(
      '{ headers: { x-n: { exact: 0755 }, x-e: { exact: "" }, x-b: { exact: false } } }',
    )
    expect([...(headers ?? [])].map(([, match]) => match)).toEqual([
      { kind: 'exact', value: '0755' },
      { kind: 'exact', value: '' },
      { kind: 'exact', value: 'false' },
    ])
  })

  test('and services keep their order, whatever their names', async () => {
    const { releases } = await loadGood(
      'listen: [{ port: 1 }]\nservices: { z: /z, 10: /ten, 2: /two, a: }\nversions: { v1: { z: http://z, 10: http://t, 2: http://u, a: http://a } }\nstable: v1\n',
    )
    expect(releases[0]?.services.map(({ name }) => name)).toEqual(['z', '10', '2', 'a'])
  })
})

describe('gray rules', () => {
  test.each([
    ['0%', 0],
    ['0.01%', 1],
    ['0.5%', 50],
    ['0.29%', 29],
    ['5%', 500],
    ['5.00%', 500],
    ['33.33%', 3333],
    ['100%', 10_000],
  ])('a share of %s is %i of ten thousand', async (share, hundredths) => {
    expect((await ruleOf(`share: ${share}`)).condition).toEqual({ kind: 'share', share: hundredths })
  })

  test('keep name, place and what to do without a pool', async () => {
    expect(await ruleOf('name: office\n    share: 5%\n    onUnavailable: fail')).toMatchObject({
      name: 'office',
      version: 'v2',
      onUnavailable: 'fail',
      place: { line: 6, column: 5 },
    })
    expect(await ruleOf('share: 5%')).toMatchObject({ name: undefined, onUnavailable: 'stable' })
  })

  test('take all of a match, names in lower case', async () => {
    const match = await matchOf(
      '{ uri: { prefix: "" }, ignoreUriCase: true, scheme: { exact: https }, method: { regex: "GET|HEAD" }, authority: { exact: A.com },' +
        ' headers: { X-User: {}, ":path": { prefix: / } }, withoutHeaders: { X-Bot: , x-b: { regex: "*" } }, queryParams: { Q: { exact: a%20b } },' +
        ' cookies: { User: { in: [a, b] } }, clientIp: [10.0.0.0/8, "2001:db8::"], port: 8080, sourceLabels: { version: v1 } }',
    )
    expect(withoutPlaces(match)).toEqual({
      uri: { kind: 'prefix', value: '' },
      ignoreUriCase: true,
      scheme: { kind: 'exact', value: 'https' },
      method: { kind: 'regex', value: 'GET|HEAD' },
      authority: { kind: 'exact', value: 'A.com' },
      headers: new Map([
        ['x-user', { kind: 'present' }],
        [':path', { kind: 'prefix', value: '/' }],
      ]),
      withoutHeaders: new Map([
        ['x-bot', { kind: 'present' }],
        ['x-b', { kind: 'present' }],
      ]),
      queryParams: new Map([['Q', { kind: 'exact', value: 'a%20b' }]]),
      cookies: new Map([['User', { kind: 'in', values: new Set(['a', 'b']) }]]),
      clientIp: ['10.0.0.0/8', '2001:db8::'],
      port: 8080,
      sourceLabels: new Map([['version', 'v1']]),
    })
  })
})

describe('services', () => {
  test('take the fields of HTTPRoute', async () => {
    const service = await serviceOf(
      'timeout: 1.5s\n    onStale: stable\n    rewrite: { uri: /v2/, authority: app.internal }\n    headers:\n' +
        '      request: { set: { X-User: "%VERSION%" }, add: { x-a: "100%%" }, remove: [X-Debug] }\n      response: { add: { Server-Timing: edge } }',
    )
    expect(service).toMatchObject({
      timeoutMs: 1500,
      onStale: 'stable',
      rewrite: { uri: '/v2/', authority: 'app.internal' },
      requestHeaders: {
        set: new Map([['x-user', '%VERSION%']]),
        add: new Map([['x-a', '100%%']]),
        remove: ['x-debug'],
      },
      responseHeaders: { set: new Map(), add: new Map([['server-timing', 'edge']]), remove: [] },
    })
  })

  test('answer by themselves', async () => {
    expect(await serviceOf('redirect: { scheme: https, port: 8443 }')).toMatchObject({
      redirect: { scheme: 'https', port: 8443, redirectCode: 301 },
    })
    expect(await serviceOf('directResponse: { status: 503, body: { string: "later\\n" } }')).toMatchObject({
      directResponse: { status: 503, body: 'later\n' },
    })
    expect(await serviceOf('directResponse: { status: 204 }')).toMatchObject({
      directResponse: { status: 204, body: '' },
    })
  })

  test('have a url for versions that list no pool', async () => {
    const { releases } = await loadGood(
      'listen: [{ port: 1 }]\nservices: { app: { url: "http://app-{version}:8080" } }\nversions: { v1: , v2: { app: http://other } }\nstable: v1\n',
    )
    const pools = [...(releases[0]?.versions.values() ?? [])].map((version) => version.pools.get('app'))
    expect(pools).toEqual([
      [{ protocol: 'http', hostname: 'app-v1', port: 8080 }],
      [{ protocol: 'http', hostname: 'other', port: 80 }],
    ])
  })

  test.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5s', 1500],
    ['2m', 120_000],
    ['8h', 28_800_000],
    ['7d', 604_800_000],
  ])('may take %s', async (timeout, ms) => {
    expect(await serviceOf(`timeout: ${timeout}`)).toMatchObject({ timeoutMs: ms })
  })
})

describe('pools', () => {
  test.each([
    ['http://10.0.0.1', '10.0.0.1', 80],
    ['http://10.0.0.1:8080/', '10.0.0.1', 8080],
    ['"http://[2001:db8::1]:8080"', '2001:db8::1', 8080],
    ['http://app.shop.svc.cluster.local:80', 'app.shop.svc.cluster.local', 80],
    ['http://my_app-1', 'my_app-1', 80],
    ['HTTP://app', 'app', 80],
  ])('take %s', async (url, hostname, port) => {
    const { releases } = await loadGood(shortest.replace('http://10.0.0.1', url))
    expect(releases[0]?.versions.get('v1')?.pools.get('app')).toEqual([{ protocol: 'http', hostname, port }])
  })
})

describe('listeners and trust', () => {
  test('an internal listener stays on loopback until it is told who may call', async () => {
    const text =
      'port: 1, internal: true }, { port: 2, internal: true, address: 10.0.0.1, from: [10.0.0.0/8], sourceLabels: { version: v1 }'
    const { listen } = await loadGood(shortest.replace('port: 8080', text))
    expect(listen).toMatchObject([
      { port: 1, address: '127.0.0.1', internal: true, from: [] },
      { port: 2, address: '10.0.0.1', from: ['10.0.0.0/8'], sourceLabels: { version: 'v1' } },
    ])
  })

  test('one port may be bound at two addresses, and port 0 any number of times', async () => {
    const text = 'port: 1, address: 127.0.0.1 }, { port: 1, address: 127.0.0.2 }, { port: 0 }, { port: 0'
    expect((await loadGood(shortest.replace('port: 8080', text))).listen.map(({ port }) => port)).toEqual([1, 1, 0, 0])
  })

  test('hops and a header of a CDN are taken over', async () => {
    expect((await loadGood(`${shortest}trust: { hops: 2 }\n`)).trust).toEqual({
      proxies: [],
      hops: 2,
      header: undefined,
    })
    const { trust } = await loadGood(`${shortest}trust: { proxies: [10.0.0.0/8], header: CF-Connecting-IP }\n`)
    expect(trust).toEqual({ proxies: ['10.0.0.0/8'], hops: undefined, header: 'cf-connecting-ip' })
  })
})

describe('limits', () => {
  test('are given in bytes, numbers and durations', async () => {
    const { limits } = await loadGood(
      `${shortest}limits: { headBytes: 2048, idleTimeout: 1.5m, connectionsPerAddress: 7 }\n`,
    )
    expect(limits).toEqual({
      ...defaultLimits,
      requestsPerAddress: 0,
      headBytes: 2048,
      idleTimeoutMs: 90_000,
      connectionsPerAddress: 7,
    })
  })
})

describe('pins', () => {
  test('take their settings, names in lower case', async () => {
    const { releases } = await loadGood(
      `${shortest}pin: { cookie: Shop, header: X-Lane, pageHeader: X-Page, ttl: 1d, epoch: 0, repin: keep, sameSite: none, domain: .Example.com }\n` +
        'identity: [cookies.User, headers.X-User, clientIp]\n',
    )
    expect(releases[0]).toMatchObject({
      pin: {
        cookie: 'Shop',
        header: 'x-lane',
        pageHeader: 'x-page',
        ttlSeconds: 86_400,
        epoch: 0,
        repin: 'keep',
        sameSite: 'none',
        domain: 'example.com',
      },
      identity: [{ kind: 'cookie', name: 'User' }, { kind: 'header', name: 'x-user' }, { kind: 'clientIp' }],
    })
  })

  test('have keys from the environment and from files, without the line end that editors add', async () => {
    const secret = 'f'.repeat(32)
    const { keys, files } = await loadGood(
      `${shortest}pin: { keys: [{ env: GRAYLANE_KEY }, { file: a.key }, { file: b.key }] }\n`,
      {
        'a.key': `${secret}\n`,
        'b.key': `${'g'.repeat(32)}\r\n`,
      },
    )
    const ring = keys.get('default') ?? []
    expect(ring.map(({ secret: bytes }) => Buffer.from(bytes).toString())).toEqual([
      'k'.repeat(32),
      secret,
      'g'.repeat(32),
    ])
    expect(ring[1]?.id).toBe(hash('sha256', secret, 'hex').slice(0, 8))
    expect(files.map((file) => file.split('/').at(-1))).toEqual(['routes.yaml', 'a.key', 'b.key'])
  })

  test('refuse a key file that is short once its line end is cut', async () => {
    expect(
      await problemsOf(`${shortest}pin: { keys: [{ file: a.key }] }\n`, { 'a.key': `${'a'.repeat(31)}\n` }),
    ).toEqual(['routes.yaml:5:15: error key: this key has 31 bytes; at least 32 are needed'])
  })
})

describe('several releases in one file', () => {
  const second = `---\nname: blog\nhosts: [blog.example.com]\n${shortest.replace(/listen.*\n/, '')}draining: [v2]\n`

  test('share listeners, trust and limits, and nothing else', async () => {
    const { releases, listen, keys, tests } = await loadGood(`name: shop\n${shortest}${withKey}${second}`)
    expect(releases).toMatchObject([
      { name: 'shop', hosts: ['*'], draining: new Set() },
      { name: 'blog', hosts: ['blog.example.com'], draining: new Set(['v2']), place: { line: 8 } },
    ])
    expect(listen).toHaveLength(1)
    expect([...keys].map(([name, ring]) => [name, ring.length])).toEqual([
      ['shop', 1],
      ['blog', 0],
    ])
    expect([...tests.keys()]).toEqual(['shop', 'blog'])
  })

  test.each(['trust: []', 'path: BASE', 'limits: {}', 'accessLog: off'])('refuse %s in the second', async (line) => {
    const key = line.split(':')[0]
    expect(await problemsOf(`name: shop\n${shortest}${second}${line}\n`)).toEqual([
      `routes.yaml:13:1: error value: ${key} holds for the whole file and stands in its first document`,
    ])
  })

  test('empty documents around them are nothing', async () => {
    expect((await loadGood(`---\n${shortest}---\n...\n---\n# end\n`)).releases).toHaveLength(1)
  })
})

test('a public key is one whatever OpenSSL wrote above it, and never a secret', async () => {
  const { publicKey } = generateKeyPairSync('ed25519')
  const pem = `Bag Attributes\n    friendlyName: shop\n${publicKey.export({ type: 'spki', format: 'pem' })}`
  const text = `${shortest}identity: [{ jwt: { cookie: session, claim: sub, keys: [{ file: jwt.pem }] } }]\n`
  const { releases } = await loadGood(text, { 'jwt.pem': pem })
  expect(releases[0]?.identity).toMatchObject([{ keys: [{ form: 'pem', algorithms: ['EdDSA'] }] }])
})

describe('the hash', () => {
  test('does not depend on which file is there first', async () => {
    const cookie = (file: string): string => `{ cookies: { a: { in: { file: ${file} } } } }`
    const names = ['a.txt', 'b.txt', 'c.txt', 'd.txt', 'e.txt', 'f.txt']
    const text = `${shortest.replace('app: }', `app: { match: [${cookie('a.txt')}, {}] }, b: { match: [${cookie('b.txt')}] } }`)}gray:
  - { version: v2, users: { file: c.txt } }
  - { version: v2, users: { file: d.txt } }
  - { version: v2, match: [${cookie('e.txt')}, ${cookie('f.txt')}] }
`
    const hashOf = async (order: readonly string[]): Promise<string> => {
      const read = async (path: string): Promise<Uint8Array> => {
        await sleep(5 * (order.indexOf(path) + 1))
        return Buffer.from(path === 'routes.yaml' ? text : `${path}\n`)
      }
      const loaded = await loadConfiguration('routes.yaml', { env: {}, read })
      if (!('configuration' in loaded)) throw new Error(JSON.stringify(loaded.problems))
      return loaded.configuration.hash
    }
    expect(await hashOf(names.toReversed())).toBe(await hashOf(names))
  })

  const lists = `${shortest}gray: [{ version: v2, users: { file: users.txt } }]\n`
  const hashOf = async (text: string, files: Record<string, string> = {}) => (await loadGood(text, files)).hash

  test('is the same wherever the content is the same', async () => {
    expect(await hashOf(lists, { 'users.txt': 'a\n' })).toBe(await hashOf(lists, { 'users.txt': 'a\n' }))
    expect(await hashOf(shortest)).toMatch(/^[0-9a-f]{64}$/)
  })

  test('changes with the file, with a list and with a key', async () => {
    const key = `${shortest}pin: { keys: [{ file: a.key }] }\n`
    const hashes = await Promise.all([
      hashOf(shortest),
      hashOf(`${shortest}#\n`),
      hashOf(lists, { 'users.txt': 'a\n' }),
      hashOf(lists, { 'users.txt': 'b\n' }),
      hashOf(key, { 'a.key': 'a'.repeat(32) }),
      hashOf(key, { 'a.key': 'b'.repeat(32) }),
    ])
    expect(new Set(hashes).size).toBe(hashes.length)
  })

  test('names the snapshot, which is frozen', async () => {
    const configuration = await loadGood(shortest)
    const compiled = compileConfiguration(configuration)
    if (!('snapshot' in compiled)) throw new Error('the shortest file does not compile')
    expect(compiled.snapshot.id).toBe(configuration.hash.slice(0, 12))
    expect(compiled.snapshot.table.releaseFor('any.host')?.stable).toBe('v1')
    expect(Object.isFrozen(compiled.snapshot)).toBe(true)
  })
})

describe('config/routes.yaml', () => {
  const path = join(import.meta.dirname, '../../config/routes.yaml')

  test("is good but for its random key, and tells the story's rules", async () => {
    const loaded = await loadConfiguration(path, { env: {} })
    expect(loaded.problems.map(({ code }) => code)).toEqual(['no-keys'])
    if (!('configuration' in loaded)) return
    expect(loaded.configuration.releases[0]).toMatchObject({
      stable: 'v1',
      gray: [
        { name: 'office', version: 'v2' },
        { name: 'testers', version: 'v3' },
      ],
    })
    expect(compileConfiguration(loaded.configuration)).toHaveProperty('snapshot')
  })
})
