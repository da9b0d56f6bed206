import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadConfiguration } from '../../src/config/load.ts'
import {
  type ConfigurationDirectory,
  load,
  loadGood,
  makeDirectory,
  problemsOf,
  shortest,
} from './configuration-files.ts'

const utf8 = new TextEncoder()

function utf16(text: string, littleEndian: boolean, mark: boolean): Uint8Array {
  const bytes = Buffer.from(mark ? `\ufeff${text}` : text, 'utf16le')
  return littleEndian ? bytes : bytes.swap16()
}

describe('encodings', () => {
  test('a byte order mark and CRLF change nothing, places included', async () => {
    const { releases } = await loadGood(`\ufeff${shortest.replaceAll('\n', '\r\n')}`)
    expect(releases[0]).toMatchObject({ stable: 'v1', services: [{ name: 'app', place: { line: 2, column: 13 } }] })
    expect(await problemsOf(`\ufefflisten: 1\r\nstabel: v1\r\n`)).toContain(
      'routes.yaml:1:9: error type: listen: "1" is not a list',
    )
  })

  test('names may be of any script where no name of ours is wanted', async () => {
    const { releases } = await loadGood(`${shortest}gray: [{ version: v2, users: [李雷, "Zoë", 🙂] }]\n`)
    expect(releases[0]?.gray[0]?.condition).toEqual({ kind: 'users', users: new Set(['李雷', 'Zoë', '🙂']) })
  })

  test.each([
    ['UTF-16 with a mark', utf16(shortest, true, true)],
    ['UTF-16 with a mark, big-endian', utf16(shortest, false, true)],
    ['UTF-16 without a mark', utf16(shortest, true, false)],
    ['UTF-16 without a mark, big-endian', utf16(shortest, false, false)],
  ])('%s is named', async (_what, bytes) => {
    expect(await problemsOf(bytes)).toEqual(['routes.yaml:1:1: error encoding: the file is UTF-16: save it as UTF-8'])
  })

  test.each([
    [
      'a byte of Latin-1',
      Buffer.concat([utf8.encode(`${shortest}name: Zo`), Buffer.from([0xeb]), utf8.encode('\n')]),
      '5:9',
    ],
    ['half a character at the end', Buffer.concat([utf8.encode(`${shortest}# é`), Buffer.from([0xc3])]), '5:4'],
    ['an overlong slash', Buffer.concat([utf8.encode('# '), Buffer.from([0xc0, 0xaf])]), '1:3'],
  ])('%s is shown where it stands', async (_what, bytes, place) => {
    expect(await problemsOf(bytes)).toEqual([
      `routes.yaml:${place}: error encoding: not UTF-8 here: save the file as UTF-8`,
    ])
  })

  test.each([
    ['NUL', `${shortest}name: a\0b\n`, '5:8: error encoding: control character U+0000'],
    [
      'an escape that would steer a terminal',
      `${shortest}# \u001b[2J\n`,
      '5:3: error encoding: control character U+001B',
    ],
    ['DEL', `${shortest}\u007f\n`, '5:1: error encoding: control character U+007F'],
  ])('%s is refused', async (_what, text, said) => {
    expect(await problemsOf(text)).toEqual([`routes.yaml:${said}`])
  })

  test('what a message quotes cannot begin a line of its own', async () => {
    const [problem = ''] = await problemsOf(`${shortest}"a\\nroutes.yaml:1:1: error forged: b": 1\n`)
    expect(problem).toBe('routes.yaml:5:1: error unknown-key: unknown key "a\\nroutes.yaml:1:1: error forged: b"')
  })
})

describe('sizes', () => {
  test('a file of more than a mebibyte is refused unread', async () => {
    expect(await problemsOf(shortest + '#'.repeat(1024 * 1024))).toEqual([
      'routes.yaml:1:1: error file: routes.yaml: larger than 1 MiB',
    ])
    await loadGood(shortest + '#'.repeat(1024 * 1024 - shortest.length))
  })

  test('a list too long for one file is told to move out', async () => {
    const users = 'a,'.repeat(150_000)
    expect(await problemsOf(`${shortest}gray: [{ version: v2, users: [${users}] }]\n`)).toEqual([
      expect.stringContaining('too many values for one file: put long lists into files of their own'),
    ])
  })

  test.each([
    ['brackets', `hosts: ${'['.repeat(10_000)}`],
    ['braces', `hosts: ${'{a: '.repeat(10_000)}`],
    ['list items', `hosts: \n${'- '.repeat(10_000)}a`],
    ['explicit keys', '? '.repeat(10_000)],
    ['indentation', Array.from({ length: 200 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join('')],
  ])('nesting by %s ends at 32 levels', async (_what, text) => {
    expect(await problemsOf(text)).toEqual([expect.stringContaining('error depth: nested deeper than 32 levels')])
  })
})

describe('bombs', () => {
  test('nine levels of aliases are refused before anything is put together', async () => {
    const levels = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']
    const lines = levels.map((name, index) => {
      const inner = index === 0 ? 'lol' : `*${levels[index - 1]}`
      return `${name}: &${name} [${Array.from({ length: 9 }, () => inner).join(', ')}]\n`
    })
    const problems = await problemsOf(lines.join(''))
    expect(problems).toHaveLength(20)
    expect(problems[0]).toBe(
      'routes.yaml:1:4: error anchor: anchors are not allowed: write the value out, or quote "&a"',
    )
  })

  test('of a hundred thousand aliases only the first few are looked at', async () => {
    const problems = await problemsOf(`a: &a x\nb: [${'*a,'.repeat(100_000)}]\n`)
    expect(problems).toHaveLength(20)
    expect(problems.at(-1)).toBe('routes.yaml:2:59: error alias: aliases are not allowed: write the value of *a out')
  })
})

describe('names of JavaScript', () => {
  test('pollute nothing', async () => {
    await problemsOf(`${shortest}__proto__: { polluted: yes }\nconstructor: { prototype: { polluted: yes } }\n`)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  test('are names like any other where any name goes', async () => {
    const { releases, listen } = await loadGood(
      'listen: [{ port: 1, internal: true, sourceLabels: { __proto__: a, toString: b } }]\n' +
        'services: { constructor: }\nversions: { constructor: { constructor: http://a }, hasOwnProperty: { constructor: http://b } }\nstable: constructor\n' +
        'gray: [{ version: hasOwnProperty, match: [{ headers: { __proto__: { exact: a } }, cookies: { __proto__: {} } }] }]\n',
    )
    expect(releases[0]?.versions.get('hasOwnProperty')?.pools.get('constructor')).toMatchObject([{ hostname: 'b' }])
    const { condition } = releases[0]?.gray[0] ?? {}
    expect(condition).toMatchObject({ items: [{ headers: new Map([['__proto__', { kind: 'exact', value: 'a' }]]) }] })
    expect(Object.entries(listen[0]?.sourceLabels ?? {})).toEqual([
      ['__proto__', 'a'],
      ['toString', 'b'],
    ])
  })
})

describe('list files', () => {
  const users = `${shortest}gray: [{ version: v2, users: { file: lists.txt } }]\n`
  const addresses = `${shortest}gray: [{ version: v2, ip: { file: lists.txt } }]\n`

  test('hold one value a line; comments, blank lines, line ends and a mark are nothing', async () => {
    const { releases } = await loadGood(users, {
      'lists.txt': '\ufeff# testers\r\n\r\n  jason  \r\n007 # James\r\na#b\r\n\t#x\r\njason\r\nlast',
    })
    expect(releases[0]?.gray[0]?.condition).toEqual({ kind: 'users', users: new Set(['jason', '007', 'a#b', 'last']) })
  })

  test('may be empty', async () => {
    const { releases } = await loadGood(users, { 'lists.txt': '' })
    expect(releases[0]?.gray[0]?.condition).toEqual({ kind: 'users', users: new Set() })
  })

  test('of addresses are checked line by line', async () => {
    const { releases } = await loadGood(addresses, { 'lists.txt': '10.0.0.0/8 # VPN\n2001:db8::\n' })
    expect(releases[0]?.gray[0]?.condition).toMatchObject({ items: [{ clientIp: ['10.0.0.0/8', '2001:db8::'] }] })
    expect(await problemsOf(addresses, { 'lists.txt': '10.0.0.1\n\n  10.0.0.300\n010.0.0.1 # x\n' })).toEqual([
      'lists.txt:3:3: error list: "10.0.0.300" is not an address or CIDR',
      'lists.txt:4:1: error list: "010.0.0.1" is not an address or CIDR',
    ])
  })

  test('full of what is no address are not printed in full', async () => {
    expect(await problemsOf(addresses, { 'lists.txt': 'x\n'.repeat(1000) })).toHaveLength(10)
  })

  test('serve `in` as well, and are read once for all that name them', async () => {
    const rules = `gray:
  - version: v2
    match: [{ cookies: { user: { in: { file: lists.txt } } }, headers: { x-user: { in: { file: lists.txt } } } }]
  - version: v2
    users: { file: ./lists.txt }
`
    const { releases, files } = await loadGood(shortest + rules, { 'lists.txt': 'jason\n' })
    expect(releases[0]?.gray[0]?.condition).toMatchObject({
      items: [{ cookies: new Map([['user', { kind: 'in', values: new Set(['jason']) }]]) }],
    })
    expect(files.map((file) => file.split('/').at(-1))).toEqual(['routes.yaml', 'lists.txt'])
  })

  test('of an encoding that is not UTF-8 are told by their own name', async () => {
    expect(await problemsOf(users, { 'lists.txt': Buffer.from([0x61, 0x0a, 0xff, 0x0a]) })).toEqual([
      'lists.txt:2:1: error encoding: not UTF-8 here: save the file as UTF-8',
    ])
  })

  test('are named also when the configuration failed, so that they can be watched', async () => {
    const loaded = await load(users)
    expect('files' in loaded && loaded.files.map((file) => file.split('/').at(-1))).toEqual([
      'routes.yaml',
      'lists.txt',
    ])
  })
})

describe('a list of a million users', () => {
  let directory: ConfigurationDirectory
  beforeAll(async () => {
    directory = await makeDirectory()
    await directory.write('users.txt', Array.from({ length: 1_000_000 }, (_, index) => `user-${index}\n`).join(''))
    await directory.write('routes.yaml', `${shortest}gray: [{ version: v2, users: { file: users.txt } }]\n`)
  })
  afterAll(() => directory.remove())

  test('is read in slices, between which other work goes on', async () => {
    let turns = 0
    const timer = setInterval(() => (turns += 1), 1)
    const loaded = await loadConfiguration(`${directory.path}/routes.yaml`, { env: {} })
    clearInterval(timer)
    if (!('configuration' in loaded)) throw new Error('not good')
    const { condition } = loaded.configuration.releases[0]?.gray[0] ?? {}
    expect(condition?.kind === 'users' && condition.users.size).toBe(1_000_000)
    expect(turns).toBeGreaterThan(10)
  })
})
