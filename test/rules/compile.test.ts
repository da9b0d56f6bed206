import { describe, expect, test } from 'vitest'
import { compileRoutes } from '../../src/rules/compile.ts'
import { ruleLabels } from '../../src/rules/rule-labels.ts'
import type { ReleaseSpec, RouteTable } from '../../src/rules/release.ts'
import {
  exact,
  factsOf,
  matches,
  place,
  prefix,
  regex,
  release,
  request,
  rule,
  service,
  share,
  type ShortRelease,
  users,
  version,
} from './specs.ts'

function tableOf(...specs: readonly ReleaseSpec[]): RouteTable {
  const compiled = compileRoutes(specs)
  if ('problems' in compiled) throw new Error(compiled.problems.map((problem) => problem.message).join('\n'))
  return compiled.table
}

function problemsOf(...specs: readonly ReleaseSpec[]): readonly string[] {
  const compiled = compileRoutes(specs)
  return 'problems' in compiled ? compiled.problems.map((problem) => problem.message) : []
}

/** `service of version` to `owner of the pool`, for each service that the version serves. */
function ownersOf(short: ShortRelease): Record<string, string> {
  const owners: Record<string, string> = {}
  for (const { name, pools } of tableOf(release(short)).releases[0]?.services ?? []) {
    for (const [of, pool] of pools) owners[`${name} ${of}`] = pool.owner
  }
  return owners
}

const both = { frontend: ['f'], api: ['a'] }
const front = { frontend: ['f'] }

describe('the pool of a service in a version', () => {
  test('is its own, else that of stable', () => {
    expect(ownersOf({ versions: [version('v1', both), version('v2', front)] })).toEqual({
      'api v1': 'v1',
      'api v2': 'v1',
      'frontend v1': 'v1',
      'frontend v2': 'v2',
    })
  })

  test('is that of its base, and of the base of its base', () => {
    const versions = [version('v1', both), version('v2', both), version('v3', front, 'v2'), version('v4', {}, 'v3')]
    expect(ownersOf({ versions })).toMatchObject({ 'api v3': 'v2', 'frontend v4': 'v3', 'api v4': 'v2' })
  })

  test('is lent by stable to the last base of a chain', () => {
    const versions = [version('v1', both), version('v2', front), version('v3', front, 'v2')]
    expect(ownersOf({ versions })).toMatchObject({ 'api v3': 'v1' })
  })

  test('may be that of the former stable after a promotion, whose own base is stable by default', () => {
    const versions = [version('v1', both), version('v2', front, 'v1')]
    expect(ownersOf({ versions, stable: 'v2' })).toEqual({
      'api v1': 'v1',
      'api v2': 'v1',
      'frontend v1': 'v1',
      'frontend v2': 'v2',
    })
  })

  test('is none where neither the version nor its bases own one', () => {
    const versions = [version('v1', front), version('v2', both)]
    expect(ownersOf({ versions })).toEqual({ 'frontend v1': 'v1', 'frontend v2': 'v2', 'api v2': 'v2' })
  })

  test('is one and the same object for all that share it, and belongs to what has to be healthy', () => {
    const table = tableOf(release({ versions: [version('v1', both), version('v2', front)] }))
    const { services, poolsOf } = table.releases[0]!
    const api = services[0]!.pools
    expect(api.get('v2')).toBe(api.get('v1'))
    expect(poolsOf.get('v2')!.map((pool) => pool.key)).toEqual(['shop/api@v1', 'shop/frontend@v2'])
    expect(poolsOf.get('v2')![0]).toBe(api.get('v1'))
  })
})

describe('a problem that no schema can see', () => {
  const rows: readonly (readonly [says: string, short: ShortRelease, problems: readonly string[]])[] = [
    ['stable is not listed', { stable: 'v1x' }, ['stable: version v1x is not listed (did you mean v1?)']],
    ['stable drains', { draining: ['v1'] }, ['draining: v1 is stable, and draws everyone whom no rule takes']],
    ['a draining version is not listed', { draining: ['old'] }, ['draining: version old is not listed']],
    [
      'a base is not listed',
      { versions: [version('v1', both), version('canary', front, 'V1')] },
      ['version canary: base: version V1 is not listed (did you mean v1?)'],
    ],
    [
      'a pool is of no service',
      { versions: [version('v1', { ...both, frontnd: ['x'] })] },
      ['version v1: service frontnd is not listed (did you mean frontend?)'],
    ],
    [
      'a pool is empty',
      { versions: [version('v1', { frontend: [], api: ['a'] })] },
      ['version v1: the pool of service frontend has no endpoint'],
    ],
    [
      'bases go round, told once',
      { versions: [version('v1', both), version('v2', front, 'v3'), version('v3', front, 'v2')] },
      ['version v2: bases go round: v2 -> v3 -> v2'],
    ],
    [
      'a version that nobody lends to has no pool',
      { versions: [version('v1', both), version('v2', {}, 'v2')] },
      ['version v2 lists no pool and lets nobody lend it one: it would serve nothing'],
    ],
    [
      'a version has neither pool nor base',
      { versions: [version('v1', both), version('v2', {})] },
      ['version v2 lists no pool and names no base: it would be v1 under another name'],
    ],
    [
      'a service has no pool in any version',
      { versions: [version('v1', front)] },
      ['service api: no version lists a pool for it'],
    ],
    [
      'a service is there twice',
      { services: [service('frontend'), service('frontend')], versions: [version('v1', front)] },
      ['service frontend is there already (routes.yaml:1)'],
    ],
    [
      'a rule names no listed version',
      { gray: [rule('office', 'v22', users('a'))] },
      ['gray rule office: version v22 is not listed (did you mean v2?)'],
    ],
    ['a match lists nothing', { gray: [rule('office', 'v2', matches())] }, ['gray rule office: match lists nothing']],
    [
      'a regex of a rule does not parse',
      { gray: [rule('office', 'v2', matches({ uri: regex('(') }))] },
      ['regex "(": error parsing regexp: missing closing ): `(`'],
    ],
    [
      'a regex of a rule that sleeps does not parse',
      { draining: ['v2'], gray: [rule('office', 'v2', matches({ uri: regex('(') }))] },
      ['regex "(": error parsing regexp: missing closing ): `(`'],
    ],
    [
      'a regex of a service does not parse',
      { services: [service('api', [{ uri: regex('a**') }]), service('frontend')] },
      ['regex "a**": error parsing regexp: invalid nested repetition operator: `**`'],
    ],
    ['a release has no hosts', { hosts: [] }, ['release shop has no hosts, so no request reaches it']],
    ['a host names a port', { hosts: ['a.example:80'] }, ['host a.example:80: leave the port out, it does not count']],
  ]

  test.each(rows)('%s', (_, short, problems) => {
    expect(problemsOf(release(short))).toEqual(problems)
  })

  test('is a host of two releases', () => {
    const other = release({ name: 'blog', hosts: ['A.example'], place: place(40) })
    expect(problemsOf(release({ hosts: ['a.example'] }), other)).toEqual([
      'host a.example belongs to release shop already (routes.yaml:1)',
    ])
  })

  test('is a release of the same name', () => {
    const other = release({ hosts: ['b.example'], place: place(40) })
    expect(problemsOf(release({ hosts: ['a.example'] }), other)).toEqual([
      'release shop is there already (routes.yaml:1)',
    ])
  })

  test('comes with all others, in the order of the file', () => {
    const versions = [version('v1', both), version('v2', {}, undefined, 20)]
    const gray = [
      rule('late', 'v9', share(1), { place: place(30) }),
      rule('soon', 'v8', share(1), { place: place(10) }),
    ]
    const compiled = compileRoutes([release({ versions, gray })])
    expect('problems' in compiled && compiled.problems.map((problem) => problem.place.line)).toEqual([10, 20, 30])
  })
})

describe('the table', () => {
  const table = tableOf(
    release({
      hosts: ['*'],
      draining: ['v3'],
      gray: [
        rule('office', 'v2', matches({ clientIp: ['203.0.113.0/24'] })),
        rule('gone', 'v3', matches({})),
        rule('some', 'v2', share(5), { name: undefined, place: place(31) }),
        rule('none', 'v3', share(50)),
      ],
    }),
    release({
      name: 'blog',
      hosts: ['blog.example.com'],
      services: [service('frontend'), service('writer')],
      versions: [version('v1', { frontend: ['x'], writer: ['y'] })],
    }),
  )

  test('finds the release by host', () => {
    expect(table.releaseFor('blog.example.com:8080')?.name).toBe('blog')
    expect(table.releaseFor('else.example.com')?.name).toBe('shop')
  })

  test('finds a service by its mesh name in the first release that has it', () => {
    expect(table.serviceFor('frontend')?.release.name).toBe('shop')
    expect(table.serviceFor('Writer.blog.svc.cluster.local:80')).toMatchObject({
      release: { name: 'blog' },
      service: { name: 'writer' },
    })
    expect(table.serviceFor('nothing')).toBeUndefined()
  })

  test('holds all gray rules, but only those hit whose version draws', () => {
    const shop = table.releases[0]!
    expect(shop.gray.map((each) => each.label)).toEqual(['office', 'gone', 'line 31', 'none'])
    expect(shop.shares.map((each) => [each.label, each.index, each.share])).toEqual([['line 31', 2, 500]])
    expect(shop.firstExplicit(factsOf(request({ ip: '198.51.100.1' })), undefined)).toBeUndefined()
    expect(shop.firstExplicit(factsOf(request()), undefined)?.label).toBe('office')
  })

  test('calls rules of one line by their columns, since hits are counted by what a rule is called', () => {
    const at = (line: number, column: number, name?: string) => ({ name, place: { file: 'routes.yaml', line, column } })
    const rules = [at(11, 9), at(11, 40), at(11, 60, 'office'), at(12, 9), at(13, 9, 'x'), at(13, 20)]
    expect(ruleLabels(rules)).toEqual(['line 11:9', 'line 11:40', 'office', 'line 12', 'x', 'line 13'])
  })

  test('is frozen', () => {
    const shop = table.releases[0]!
    const parts = [table, table.releases, shop, shop.services, shop.services[0], shop.gray, shop.gray[0], shop.shares]
    const pools = [shop.poolsOf.get('v1'), shop.poolsOf.get('v1')![0]]
    for (const part of [...parts, ...pools]) expect(Object.isFrozen(part)).toBe(true)
  })
})

describe('a service', () => {
  const items = [{ uri: prefix('/api/') }, { uri: exact('/login'), method: exact('POST') }]
  const [api, frontend] = tableOf(release({ services: [service('api', items), service('frontend')] })).releases[0]!
    .services

  test('matches when one of its items does, and says which', () => {
    expect(api!.matches(factsOf(request({ path: '/api/x' })))).toBe(true)
    expect(api!.matched(factsOf(request({ path: '/api/x' })))?.uri).toEqual(prefix('/api/'))
    expect(api!.matched(factsOf(request({ path: '/login', method: 'POST' })))?.uri).toEqual(exact('/login'))
    expect(api!.matches(factsOf(request({ path: '/login' })))).toBe(false)
  })

  test('without items matches everything', () => {
    expect(frontend!.matches(factsOf(request({ path: '/any' })))).toBe(true)
    expect(frontend!.matched(factsOf(request()))).toBeUndefined()
  })
})
