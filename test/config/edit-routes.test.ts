import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { diffLines } from 'diff'
import { describe, expect, it } from 'vitest'
import { editRoutes, type ReleaseVerb } from '../../src/config/edit-routes.ts'

const now = new Date('2026-11-26T18:00:00.500Z')

const shop = `name: shop                 # the name
listen: [{ port: 8080 }]
services: { api: /api/, web: }
versions:
  v1: { web: "http://a1", api: "http://b1" }
  v2:                      # the new one
    web: http://a2
    api: [http://b2]       # two soon
  v3: { web: "http://a3" }
stable: v1                 # for everybody

gray:
  # the office
  - name: office
    version: v2
    ip: [192.168.0.58]     # by hand
  # people
  - { name: people, version: v3, users: [ann, "007"] }
identity: [cookies.user]
pin: { ttl: 2h }
`

/** The lines that went and those that came. */
function changedLines(before: string, after: string): string[] {
  return diffLines(before, after).flatMap(({ value, added, removed }) =>
    added || removed
      ? value
          .trimEnd()
          .split('\n')
          .map((line) => `${added ? '+' : '-'}${line}`)
      : [],
  )
}

function run(text: string, verb: ReleaseVerb): string[] {
  const edited = editRoutes(text, verb, now)
  return 'refused' in edited ? [`${edited.refused}: ${edited.reason}`] : changedLines(text, edited.text)
}

interface Row {
  readonly says: string
  readonly text?: string
  readonly verb: ReleaseVerb
  readonly gives: readonly string[]
}

const drained = (since: string) => shop.replace('\n\ngray', `\ndraining: [{ version: v3, since: ${since} }]\n\ngray`)
const withShare = shop.replace('  # people', '  - { version: v3, share: 5% }   # the first few\n  # people')

describe('add', () => {
  const rows: Row[] = [
    {
      says: 'puts an address into the rule that lists addresses already',
      verb: { verb: 'add', version: 'v2', ip: ['10.8.0.0/16'] },
      gives: ['-    ip: [192.168.0.58]     # by hand', '+    ip: [192.168.0.58, 10.8.0.0/16] # by hand'],
    },
    {
      says: 'quotes what YAML would read otherwise',
      verb: { verb: 'add', version: 'v2', ip: ['2001:db8::/32'] },
      gives: ['-    ip: [192.168.0.58]     # by hand', '+    ip: [192.168.0.58, "2001:db8::/32"] # by hand'],
    },
    {
      says: 'gives rules a line each again in a list that a promotion emptied, comments kept',
      text: shop.replace(/gray:\n[^]*?(?=identity)/, 'gray: []   # top to bottom\n'),
      verb: { verb: 'add', version: 'v2', ip: ['10.0.0.1'], users: ['ann'] },
      gives: [
        '-gray: []   # top to bottom',
        '+gray:   # top to bottom',
        '+  - { version: v2, ip: [10.0.0.1] }',
        '+  - { version: v2, users: [ann] }',
      ],
    },
    {
      says: 'changes nothing for whoever is listed',
      verb: { verb: 'add', version: 'v2', ip: ['192.168.0.58'] },
      gives: [],
    },
    {
      says: 'puts users into a list on one line',
      verb: { verb: 'add', version: 'v3', users: ['bob', 'ann'] },
      gives: [
        '-  - { name: people, version: v3, users: [ann, "007"] }',
        '+  - { name: people, version: v3, users: [ann, "007", bob] }',
      ],
    },
    {
      says: 'makes a rule where there is none of that kind',
      verb: { verb: 'add', version: 'v2', users: ['bob', 'it is: me'], rule: 'friends' },
      gives: ['+  - { name: friends, version: v2, users: [bob, "it is: me"] }'],
    },
    {
      says: 'makes it above the shares, which would draw first',
      text: withShare,
      verb: { verb: 'add', version: 'v1', ip: ['10.0.0.1'] },
      gives: ['+  - version: v1', '+    ip: [10.0.0.1]'],
    },
    {
      says: 'makes the list too',
      text: shop.replace(/gray:[^]*identity/, 'identity'),
      verb: { verb: 'add', version: 'v2', ip: ['10.0.0.1'] },
      gives: ['+gray:', '+  - { version: v2, ip: [10.0.0.1] }'],
    },
    {
      says: 'lets a draining version draw again',
      text: drained('2026-11-26T16:00:00Z'),
      verb: { verb: 'add', version: 'v3', users: ['bob'] },
      gives: [
        '-draining: [{ version: v3, since: 2026-11-26T16:00:00Z }]',
        '-  - { name: people, version: v3, users: [ann, "007"] }',
        '+  - { name: people, version: v3, users: [ann, "007", bob] }',
      ],
    },
    {
      says: 'wants to know whom',
      verb: { verb: 'add', version: 'v2' },
      gives: ['nothing-given: which visitors? give addresses or users'],
    },
    {
      says: 'takes no address that is none',
      verb: { verb: 'add', version: 'v2', ip: ['10.0.0.256'] },
      gives: ['address: "10.0.0.256" is not an address or CIDR'],
    },
    {
      says: 'takes no users where nobody has a name',
      text: shop.replace('cookies.user', 'clientIp'),
      verb: { verb: 'add', version: 'v2', users: ['ann'] },
      gives: [expect.stringMatching(/^identity: identity says nothing but clientIp/) as unknown as string],
    },
    {
      says: 'does not turn a rule of another version',
      verb: { verb: 'add', version: 'v2', users: ['bob'], rule: 'people' },
      gives: ['rule-taken: rule people gives v3'],
    },
    {
      says: 'puts nobody into a rule of that name that holds something else',
      text: withShare.replace('{ version: v3', '{ name: few, version: v3'),
      verb: { verb: 'add', version: 'v3', users: ['bob'], rule: 'few' },
      gives: ['rule-taken: rule few holds no list of users: give another name'],
    },
    {
      says: 'puts no address into a rule for users',
      verb: { verb: 'add', version: 'v3', ip: ['10.0.0.1'], rule: 'people' },
      gives: ['rule-taken: rule people holds no list of ip: give another name'],
    },
    {
      says: 'puts nobody below a share',
      text: withShare,
      verb: { verb: 'add', version: 'v3', users: ['bob'], rule: 'people' },
      gives: ['rule-taken: rule people stands below a share, which draws first: move it up, or give another name'],
    },
    {
      says: 'names the versions that there are',
      verb: { verb: 'add', version: 'v22', ip: ['10.0.0.1'] },
      gives: ['unknown-version: v22 is not listed under versions, which has v1, v2, v3'],
    },
  ]
  it.each(rows)('$says', ({ text = shop, verb, gives }) => expect(run(text, verb)).toEqual(gives))
})

describe('share', () => {
  const rows: Row[] = [
    {
      says: 'adds a share below all rules',
      verb: { verb: 'share', version: 'v2', share: '5%' },
      gives: ['+  - { version: v2, share: 5% }'],
    },
    {
      says: 'changes the one there is, and keeps its comment in its column',
      text: withShare,
      verb: { verb: 'share', version: 'v3', share: '20%' },
      gives: ['-  - { version: v3, share: 5% }   # the first few', '+  - { version: v3, share: 20% }  # the first few'],
    },
    {
      says: 'takes no bare number',
      verb: { verb: 'share', version: 'v2', share: '20' },
      gives: ['share: "20" is not a percentage such as 5%, 0.5% or 0.01%'],
    },
    {
      says: 'takes nothing over 100%',
      verb: { verb: 'share', version: 'v2', share: '101%' },
      gives: ['share: "101%" is not a percentage such as 5%, 0.5% or 0.01%'],
    },
    {
      says: 'gives no share of stable',
      verb: { verb: 'share', version: 'v1', share: '5%' },
      gives: ['stable: v1 is stable: everyone whom no rule takes gets it'],
    },
    {
      says: 'does not guess between two',
      text: withShare.replace('  # people', '  - { name: more, version: v3, share: 1% }\n  # people'),
      verb: { verb: 'share', version: 'v3', share: '6%' },
      gives: ['which-rule: v3 has 2 shares: say which with its name (--rule)'],
    },
  ]
  it.each(rows)('$says', ({ text = shop, verb, gives }) => expect(run(text, verb)).toEqual(gives))

  it('says that a smaller share takes nobody back', () => {
    const edited = editRoutes(withShare, { verb: 'share', version: 'v3', share: '1%' }, now)
    expect(edited).toMatchObject({
      changes: [expect.stringContaining('before 5%'), expect.stringContaining('keeps it')],
    })
  })
})

describe('promote', () => {
  const rows: Row[] = [
    {
      says: 'makes a version stable, ends its rules, drains the old one, which goes on lending its pools',
      verb: { verb: 'promote', version: 'v2' },
      gives: [
        '-  v3: { web: "http://a3" }',
        '-stable: v1                 # for everybody',
        '+  v3: { web: "http://a3", base: v1 }',
        '+stable: v2                 # for everybody',
        '+draining:',
        '+  - { version: v1, since: 2026-11-26T18:00:00Z }',
        '-  - name: office',
        '-    version: v2',
        '-    ip: [192.168.0.58]     # by hand',
      ],
    },
    {
      says: 'lets nobody lend to the old one what it never had',
      text: shop
        .replace(', api: "http://b1" }', ' }')
        .replace('  v3: { web: "http://a3" }\n', '')
        .replace(/ {2}# people\n.*\n/, ''),
      verb: { verb: 'promote', version: 'v2' },
      gives: [
        '-  v1: { web: "http://a1" }',
        '+  v1: { web: "http://a1", base: v1 }',
        '-stable: v1                 # for everybody',
        '+stable: v2                 # for everybody',
        '+draining:',
        '+  - { version: v1, since: 2026-11-26T18:00:00Z }',
        '-gray:',
        '+gray: []',
        '-  - name: office',
        '-    version: v2',
        '-    ip: [192.168.0.58]     # by hand',
      ],
    },
    {
      says: 'writes a base into a version of several lines behind its last pool',
      text: shop.replace('    api: [http://b2]       # two soon\n', ''),
      verb: { verb: 'promote', version: 'v2' },
      gives: [
        '-  v3: { web: "http://a3" }',
        '-stable: v1                 # for everybody',
        '+    base: v1',
        '+  v3: { web: "http://a3", base: v1 }',
        '+stable: v2                 # for everybody',
        '+draining:',
        '+  - { version: v1, since: 2026-11-26T18:00:00Z }',
        '-  - name: office',
        '-    version: v2',
        '-    ip: [192.168.0.58]     # by hand',
      ],
    },
    { says: 'changes nothing where the version is stable', verb: { verb: 'promote', version: 'v1' }, gives: [] },
  ]
  it.each(rows)('$says', ({ text = shop, verb, gives }) => expect(run(text, verb)).toEqual(gives))
})

describe('rollback', () => {
  const rows: Row[] = [
    {
      says: 'ends the rules of a version and drains it',
      verb: { verb: 'rollback', version: 'v3' },
      gives: [
        '+draining:',
        '+  - { version: v3, since: 2026-11-26T18:00:00Z }',
        '-  # people',
        '-  - { name: people, version: v3, users: [ann, "007"] }',
      ],
    },
    {
      says: 'raises the epoch when told to do it now',
      verb: { verb: 'rollback', version: 'v3', now: true },
      gives: [
        '+draining:',
        '+  - { version: v3, since: 2026-11-26T18:00:00Z }',
        '-  # people',
        '-  - { name: people, version: v3, users: [ann, "007"] }',
        '-pin: { ttl: 2h }',
        '+pin: { ttl: 2h, epoch: 2 }',
      ],
    },
    {
      says: 'takes a promotion back to the version that was stable before',
      text: shop
        .replace('stable: v1 ', 'stable: v2 ')
        .replace('\n\n', '\ndraining:\n  - v3\n  - { version: v1, since: 2026-11-26T17:00:00Z }\n\n')
        .replace('  - v3\n', '  - { version: v3, since: 2026-11-26T09:00:00Z }\n'),
      verb: { verb: 'rollback', version: 'v2' },
      gives: [
        '-  v3: { web: "http://a3" }',
        '-stable: v2                 # for everybody',
        '+  v3: { web: "http://a3", base: v2 }',
        '+stable: v1                 # for everybody',
        '-  - { version: v1, since: 2026-11-26T17:00:00Z }',
        '+  - { version: v2, since: 2026-11-26T18:00:00Z }',
        '-  - name: office',
        '-    version: v2',
        '-    ip: [192.168.0.58]     # by hand',
      ],
    },
    {
      says: 'does not guess where stable goes back to',
      verb: { verb: 'rollback', version: 'v1' },
      gives: ['to: v1 is stable and no version drains: say which one everybody goes back to (--to)'],
    },
  ]
  it.each(rows)('$says', ({ text = shop, verb, gives }) => expect(run(text, verb)).toEqual(gives))

  it('undoes a promotion but for the rules that it ended', () => {
    const promoted = editRoutes(shop, { verb: 'promote', version: 'v2' }, now)
    const back = 'text' in promoted ? editRoutes(promoted.text, { verb: 'rollback', version: 'v2' }, now) : promoted
    expect('text' in back ? changedLines(shop, back.text) : back).toEqual([
      '-  v3: { web: "http://a3" }',
      '+  v3: { web: "http://a3", base: v1 }',
      '+draining:',
      '+  - { version: v2, since: 2026-11-26T18:00:00Z }',
      '-  - name: office',
      '-    version: v2',
      '-    ip: [192.168.0.58]     # by hand',
    ])
  })
})

describe('retire', () => {
  const rows: Row[] = [
    {
      says: 'takes a version out that drained for ttl, and what hangs on it',
      text: `${drained('2026-11-26T16:00:00Z')}tests:\n  - expect: { version: v3 }\n    request: { cookies: { user: ann } }\n  - { request: { path: / }, expect: { version: v1 } }\n`,
      verb: { verb: 'retire', version: 'v3' },
      gives: [
        '-  v3: { web: "http://a3" }',
        '-draining: [{ version: v3, since: 2026-11-26T16:00:00Z }]',
        '-  # people',
        '-  - { name: people, version: v3, users: [ann, "007"] }',
        '-  - expect: { version: v3 }',
        '-    request: { cookies: { user: ann } }',
      ],
    },
    {
      says: 'waits for ttl',
      text: drained('2026-11-26T16:00:01Z'),
      verb: { verb: 'retire', version: 'v3' },
      gives: [
        'not-drained: v3 drains since 2026-11-26T16:00:01Z; after pin.ttl (2h) its last pages have gone, at 2026-11-26T18:00:01Z',
      ],
    },
    {
      says: 'wants to know since when it drains',
      text: shop.replace('\n\n', '\ndraining: [v3]\n\n'),
      verb: { verb: 'retire', version: 'v3' },
      gives: [expect.stringMatching(/^since: since when v3 drains is not written/) as unknown as string],
    },
    {
      says: 'believes no time to come',
      text: drained('2027-11-26T16:00:00Z'),
      verb: { verb: 'retire', version: 'v3' },
      gives: ['since: v3 drains from 2027-11-26T16:00:00Z on, which is still to come'],
    },
    {
      says: 'leaves a version that still draws',
      verb: { verb: 'retire', version: 'v2' },
      gives: ['not-draining: v2 does not drain, so visitors may still be given it: graylane rollback v2 first'],
    },
    {
      says: 'leaves stable',
      verb: { verb: 'retire', version: 'v1' },
      gives: ['stable: v1 is stable: promote another version first'],
    },
    {
      says: 'leaves a base',
      text: drained('2026-11-26T16:00:00Z').replace('    api: [http://b2]', '    base: v3'),
      verb: { verb: 'retire', version: 'v3' },
      gives: ['base: v3 is the base of v2: its pools still serve their pages'],
    },
    {
      says: 'leaves a version that callers are said to be of',
      text: drained('2026-11-26T16:00:00Z').replace(
        '[{ port: 8080 }]',
        '[{ port: 8080 }, { port: 15003, internal: true, sourceLabels: { version: v3 } }]',
      ),
      verb: { verb: 'retire', version: 'v3' },
      gives: ['source-labels: the callers of port 15003 are v3 by its sourceLabels: they would be answered by v1'],
    },
  ]
  it.each(rows)('$says', ({ text = shop, verb, gives }) => expect(run(text, verb)).toEqual(gives))
})

describe('a file of several releases', () => {
  const two = `${shop}---\nname: other\nhosts: [b.example]\nservices: { web: }\nversions:\n  v1: { web: "http://a1" }\n  v2: { web: "http://a2" }\nstable: v1\n`

  it('wants the name of one', () => {
    expect(run(two, { verb: 'promote', version: 'v2' })).toEqual([
      'which-release: the file holds several releases (shop, other): say which (--release)',
    ])
    expect(run(two, { verb: 'promote', version: 'v2', release: 'othr' })).toEqual([
      'unknown-release: release othr is not in the file (did you mean other?)',
    ])
  })

  it('is changed in that one alone', () => {
    expect(run(two, { verb: 'promote', version: 'v2', release: 'other' })).toEqual([
      '-stable: v1',
      '+stable: v2',
      '+draining:',
      '+  - { version: v1, since: 2026-11-26T18:00:00Z }',
    ])
  })
})

it('keeps line ends of the other kind', () => {
  const edited = editRoutes(shop.replaceAll('\n', '\r\n'), { verb: 'promote', version: 'v2' }, now)
  expect('text' in edited && edited.text.replaceAll('\r\n', '')).not.toContain('\n')
  // Where the whole text has to be written anew, too.
  const folded = shop.replace('stable: v1', 'stable: >-\n  v1').replaceAll('\n', '\r\n')
  const anew = editRoutes(folded, { verb: 'promote', version: 'v2' }, now)
  expect('text' in anew && anew.text.replaceAll('\r\n', '')).not.toContain('\n')
})

it('leaves every other byte of the example as it is', () => {
  const text = readFileSync(join(import.meta.dirname, '../../config/routes.yaml'), 'utf8')
  expect(run(text, { verb: 'share', version: 'v2', share: '20%' })).toEqual(['+  - version: v2', '+    share: 20%'])
  expect(run(text, { verb: 'promote', version: 'v3' })).toHaveLength(9)
})
