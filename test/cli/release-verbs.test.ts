import {
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { execFileSync, spawnSync } from 'node:child_process'

import { describe, expect, it } from 'vitest'

import { commitEdit, isWritable, planEdit } from '../../src/config/release-edit.ts'
import { graylane } from './graylane-process.ts'
import { routes, useRoutes } from './routes.ts'

const folder = useRoutes(() => routes({}, 'identity: [cookies.user]\n'))

const main = [process.execPath, join(import.meta.dirname, '../../src/main.ts')]
/** Whether the system lets us: containers often may not mount, nor become others. */
const may = (command: string, ...args: readonly string[]): boolean => spawnSync(command, args).status === 0

const written = () => readFile(folder.path, 'utf8')
const run = (...args: string[]) => graylane([...args, '--config', folder.path])

/** The lines that a release of v2 goes through. */
const stages: readonly (readonly [args: readonly string[], line: RegExp])[] = [
  [
    ['add', 'v2', '--ip', '10.0.0.1', '--user', 'ann'],
    /ip: \[192\.168\.0\.58, 127\.0\.0\.58, 10\.0\.0\.1\].*\n[^]*users: \[ann\]/,
  ],
  [['share', 'v2', '5%'], /share: 5%/],
  [['share', 'v2', '20%'], /share: 20%/],
  [
    ['promote', 'v2'],
    /stable: v2\ndraining:\n {2}- \{ version: v1, since: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \}\ngray: \[\]\n/,
  ],
  [['rollback', 'v2'], /stable: v1\ndraining:\n {2}- \{ version: v2, since: .* \}/],
]

describe('release verbs', () => {
  it('take a version from its first visitors to everybody and back, in a good file', { timeout: 120_000 }, async () => {
    for (const [args, line] of stages) {
      const { code, err } = await run(...args)
      expect({ args, code, err }).toEqual({ args, code: 0, err: '' })
      expect(await written()).toMatch(line)
      expect((await graylane(['check', folder.path])).code).toBe(0)
    }
  })

  it('say what they changed', async () => {
    const { out } = await run('promote', 'v2')
    expect(out.replaceAll(folder.path, 'FILE').trimEnd().split('\n')).toEqual([
      'FILE: 2 gray rules for v2 removed: v2 is for everybody',
      'FILE: v2 is stable, before v1',
      'FILE: v1 drains: it serves its open pages and draws nobody',
    ])
    const again = await run('promote', 'v2')
    expect([again.code, again.out]).toEqual([0, `${folder.path}: nothing to change\n`])
  })

  it('answer in JSON', async () => {
    const { code, out } = await run('share', 'v2', '5%', '--json')
    expect([code, JSON.parse(out)]).toEqual([
      0,
      expect.objectContaining({ ok: true, outcome: 'written', patch: expect.stringMatching(/^\+ {4}share: 5%$/m) }),
    ])
    const refused = await run('share', 'v1', '5%', '--json')
    expect([refused.code, JSON.parse(refused.out)]).toEqual([
      1,
      expect.objectContaining({ ok: false, refused: 'stable' }),
    ])
  })

  it('refuse with exit code 1 and leave the file alone', async () => {
    const before = await written()
    const { code, out, err } = await run('retire', 'v1')
    expect([code, out, err]).toEqual([1, '', 'graylane: refused: v1 is stable: promote another version first\n'])
    expect(await written()).toBe(before)
  })

  it.each([
    [['add'], /which VERSION\?/],
    [['share', 'v2'], /which PERCENTAGE\?/],
    [['share', '10%'], /which VERSION gets 10%\?/],
    [['share', '10%', 'v2'], /VERSION comes first: share v2 10%/],
    [['share', 'v2', '10'], /10 of what\? write 10%/],
    [['share', 'v2', '5%', 'now'], /now: VERSION and PERCENTAGE are all there is to say/],
    [['share', 'v2', '10', '%'], /10 of what\? write 10%/],
    [['share', 'v2', '-5%'], /unknown option -5/],
    [['add', 'v2'], /which visitors\? they are named by --ip ADDRESS or --user NAME/],
    [['add', 'v2', '10.0.0.1'], /unexpected 10\.0\.0\.1: visitors are named by --ip ADDRESS or --user NAME/],
    [['add', 'v2', '--ip', '10.0.0.1, 10.0.0.2'], /--ip takes one address: --ip 10\.0\.0\.1 --ip 10\.0\.0\.2/],
    [['add', 'v2', '--ip'], /--ip wants a value/],
    [['promote', 'v2', 'v3'], /v3: VERSION is all there is to say/],
    [['promote', ''], /an argument is empty: was a variable not set\?/],
    [['promote', 'v2', '--release='], /--release is empty: was a variable not set\?/],
    [['rollback', 'v2', '-n'], /unknown option -n \(did you mean --now\?\)/],
    [['rollback', 'v2', '--noww'], /--noww.*--now/],
  ] as const)('%j is wrong usage', async (args, message) => {
    const { code, err } = await run(...args)
    expect([code, err]).toEqual([2, expect.stringMatching(message)])
  })

  it('refuse to add whom a rule further up takes elsewhere', async () => {
    await folder.write(
      routes().replace('  - version: v2\n', '  - { name: desk, version: v1, ip: [10.1.0.0/16] }\n  - version: v2\n'),
    )
    const { code, err } = await run('add', 'v2', '--ip', '10.1.2.3', '--rule', 'new')
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/10\.1\.2\.3 gets v1 by rule desk \(line 13\), which stands further up/),
    ])
  })

  it.each(['cookies.user', 'headers.x-user'])(
    'refuse to add a user whom a match on %s takes elsewhere',
    async (source) => {
      const [kind, name] = source.split('.') as [string, string]
      const rule = `  - { name: desk, version: v1, match: [{ ${kind}: { ${name}: { exact: ann } } }] }\n`
      await folder.write(routes({}, `identity: [${source}, clientIp]\n`).replace('gray:\n', `gray:\n${rule}`))
      const { code, err } = await run('add', 'v2', '--user', 'bob', '--user', 'ann')
      expect([code, err]).toEqual([1, expect.stringMatching(/ann gets v1 by rule desk \(line 12\), which stands/)])
      expect((await run('add', 'v2', '--user', 'bob')).code).toBe(0)
    },
  )

  it('ask for --config where nobody says which file, and there is none', async () => {
    const ended = await graylane(['promote', 'v2'], {}, tmpdir())
    expect([ended.code, ended.err]).toEqual([
      2,
      'graylane promote: there is no config/routes.yaml here: --config FILE says which configuration is meant\n' +
        'graylane promote --help says what it takes.\n',
    ])
    expect((await graylane(['promote', '--help'], {}, tmpdir())).code).toBe(0)
  })

  it('tell which tests of the file would not hold any more', async () => {
    await folder.write(routes({}, 'tests: [{ request: { ip: 10.0.0.1 }, expect: { version: v1 } }]\n'))
    const { code, err } = await run('promote', 'v2')
    expect([code, err]).toEqual([
      0,
      expect.stringMatching(/routes\.yaml:\d+:\d+: warning test: expected version v1, got v2/),
    ])
  })

  it('need no key that the gateway has', async () => {
    await folder.write(routes().replace('{ file: pin.key }', '{ env: GRAYLANE_KEY_OF_ANOTHER_MACHINE }'))
    expect((await run('share', 'v2', '5%')).code).toBe(0)
  })

  it('refuse to edit a file that has errors, and show them', async () => {
    await folder.write(routes().replace('stable: v1', 'stable: v9'))
    const { code, err } = await run('share', 'v2', '5%')
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/has errors: mend it first\n.*:\d+:\d+: error unknown-name: .*v9/),
    ])
  })
})

describe('a file that cannot be read', () => {
  it.each([
    ['is not there', () => `${folder.path}.gone`, /there is no such file/],
    [
      'is a directory',
      () => dirname(folder.path),
      /a directory, not a file: a routes\.yaml is wanted, which graylane import/,
    ],
    [
      'lies below a file',
      () => join(folder.path, 'routes.yaml'),
      /a file stands in the place of one of its directories/,
    ],
    ['has a name of a whole text', () => `/${'x'.repeat(300)}`, /no name of a file is as long/],
  ])('is told as such when it %s', async (_what, path, message) => {
    const { code, err } = await graylane(['share', 'v2', '5%', '--config', path()])
    expect([code, err]).toEqual([1, expect.stringMatching(/^graylane: refused: \S+ cannot be read\n/)])
    expect(err).toMatch(message)
  })

  it('is told as such when its links go round', async () => {
    const path = `${folder.path}.link`
    await symlink(path, path)
    const { code, out } = await graylane(['check', path])
    expect([code, out]).toEqual([1, expect.stringContaining(`${path}: its symbolic links go round\n`)])
  })
})

describe('a file that is read-only', () => {
  it('stays, and the patch that git takes is printed with exit code 3', async () => {
    const before = await written()
    await chmod(folder.path, 0o444)
    const { code, out, err } = await run('share', 'v2', '5%')
    expect([code, err]).toEqual([3, expect.stringContaining('is read-only')])
    expect(await written()).toBe(before)
    await chmod(folder.path, 0o644)
    execFileSync('git', ['apply', '--unsafe-paths', '-p1', '--directory=/', '-'], { cwd: '/', input: out })
    expect(await written()).toContain('share: 5%')
  })

  it('and --print does the same with any file', async () => {
    const before = await written()
    const { code, out } = await run('share', 'v2', '5%', '--print')
    expect([code, out]).toEqual([
      3,
      expect.stringMatching(/^--- a\/.*\n\+\+\+ b\/.*\n@@ [^]*\+ {2}- version: v2\n\+ {4}share: 5%\n/),
    ])
    expect(await written()).toBe(before)
  })
})

describe('writing', () => {
  it('leaves a file alone that somebody changed since it was read', async () => {
    const plan = await planEdit(folder.path, { verb: 'share', version: 'v2', share: '5%' }, new Date())
    if ('refused' in plan) throw new Error(plan.reason)
    const theirs = `${await written()}# by somebody else\n`
    await writeFile(folder.path, theirs)
    expect(await commitEdit(plan)).toBe('changed')
    expect(await written()).toBe(theirs)
  })

  it('of several who edit one text at the same time lets one, and tells the others', async () => {
    const shares = ['1%', '2%', '3%', '4%', '5%']
    const plans = await Promise.all(
      shares.map((share) => planEdit(folder.path, { verb: 'share', version: 'v2', share }, new Date())),
    )
    const commits = await Promise.all(plans.map((plan) => ('refused' in plan ? plan.refused : commitEdit(plan))))
    expect(commits.toSorted()).toEqual(['changed', 'changed', 'changed', 'changed', 'written'])
    expect(await written()).toContain(`share: ${shares[commits.indexOf('written')]}`)
  })

  it('takes over from one that was killed in the middle', async () => {
    const plan = await planEdit(folder.path, { verb: 'share', version: 'v2', share: '5%' }, new Date())
    if ('refused' in plan) throw new Error(plan.reason)
    const left = join(dirname(folder.path), `.routes.yaml.${plan.hash.slice(0, 12)}.tmp`)
    await writeFile(left, 'half of')
    expect(await commitEdit(plan)).toBe('changed')
    const aMinuteAgo = new Date(Date.now() - 60_000)
    await utimes(left, aMinuteAgo, aMinuteAgo)
    expect(await commitEdit(plan)).toBe('written')
    expect(await written()).toBe(plan.text)
  })

  it.each([
    ['a line', [], 'err', /^graylane share: ENAMETOOLONG: .*\n$/],
    ['JSON', ['--json'], 'out', /^\{\n {2}"ok": false,\n {2}"reason": "ENAMETOOLONG: [^]*\}\n$/],
  ] as const)('says in %s what the system has against it', async (_form, options, where, said) => {
    const file = join(dirname(folder.path), `${'r'.repeat(250)}.yaml`)
    await rename(folder.path, file)
    const { code, ...outputs } = await graylane(['share', 'v2', '5%', '--config', file, ...options])
    expect(code).toBe(1)
    expect(outputs).toEqual({ out: '', err: '', [where]: expect.stringMatching(said) })
  })

  it('makes no file larger than a gateway reads', async () => {
    const text = await written()
    await writeFile(folder.path, `${text}#${' '.repeat(2 ** 20 - text.length - 2)}\n`)
    const { code, err } = await run('share', 'v2', '5%')
    expect([code, err]).toEqual([1, expect.stringContaining('routes.yaml: larger than 1 MiB')])
    expect((await written()).length).toBe(2 ** 20)
  })

  it('makes no file where somebody took it away', async () => {
    const plan = await planEdit(folder.path, { verb: 'share', version: 'v2', share: '5%' }, new Date())
    if ('refused' in plan) throw new Error(plan.reason)
    await rm(folder.path)
    expect(await commitEdit(plan)).toBe('changed')
    expect(await isWritable(folder.path)).toBe(false)
    expect(await readdir(dirname(folder.path))).toEqual(['pin.key'])
  })

  it.skipIf(!may('unshare', '-m', 'true'))(
    'prints the patch where the file is mounted by itself, as a container has it',
    async () => {
      const before = await written()
      const mounted = join(dirname(folder.path), 'mounted.yaml')
      await writeFile(mounted, before)
      const inside = ['sh', '-c', 'mount --bind "$0" "$1" && shift && exec "$@"', folder.path, mounted, ...main]
      const { status, stdout, stderr } = spawnSync(
        'unshare',
        ['-m', ...inside, 'share', 'v2', '5%', '--config', mounted],
        { encoding: 'utf8', env: { PATH: process.env['PATH'] } },
      )
      expect([status, stderr]).toEqual([3, expect.stringContaining('is read-only: this patch was not applied')])
      expect(stdout).toContain('+    share: 5%\n')
      expect(await written()).toBe(before)
      expect((await readdir(dirname(folder.path))).toSorted()).toEqual(['mounted.yaml', 'pin.key', 'routes.yaml'])
    },
  )

  const editor = ['--reuid', '4711', '--regid', '4711', '--groups', '4711,4712']
  it.skipIf(!may('setpriv', ...editor, 'true'))('keeps the group of a file that is shared by one', async () => {
    const directory = dirname(folder.path)
    await chown(directory, 0, 4712)
    await chmod(directory, 0o770)
    await chown(folder.path, 0, 4712)
    await chmod(folder.path, 0o660)
    const shared = spawnSync('setpriv', [...editor, ...main, 'share', 'v2', '5%', '--config', folder.path], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] },
    })
    expect([shared.status, shared.stderr]).toEqual([0, ''])
    const { uid, gid, mode } = await stat(folder.path)
    expect([uid, gid, mode & 0o777]).toEqual([4711, 4712, 0o660])
  })

  it('keeps the mode, and leaves nothing beside the file', async () => {
    await chmod(folder.path, 0o640)
    await run('share', 'v2', '5%')
    expect((await stat(folder.path)).mode & 0o777).toBe(0o640)
    expect((await readdir(dirname(folder.path))).toSorted()).toEqual(['pin.key', 'routes.yaml'])
  })

  it('goes through a link to the file it names', async () => {
    const directory = join(dirname(folder.path), 'kept')
    await mkdir(directory)
    await rename(folder.path, join(directory, 'routes.yaml'))
    await rm(folder.path, { force: true })
    await symlink('kept/routes.yaml', folder.path)
    await run('share', 'v2', '5%')
    expect(await readlink(folder.path)).toBe('kept/routes.yaml')
    expect(await readFile(join(directory, 'routes.yaml'), 'utf8')).toContain('share: 5%')
  })
})

describe('graylane diff', () => {
  it('says what a verb would change for visitors, and by its exit code whether there is anything', async () => {
    const old = `${folder.path}.old`
    await writeFile(old, await written())
    expect(await graylane(['diff', old, folder.path])).toMatchObject({ code: 0, out: 'both say the same\n' })
    await run('share', 'v2', '20%')
    const { code, out } = await graylane(['diff', old, folder.path])
    expect(code).toBe(1)
    expect(out).toMatch(/rule at line 15 is new: 20% get v2/)
    expect(out).toMatch(/(19|20)\.\d % move v1 -> v2 \(of 100,000 drawn/)
    expect(JSON.parse((await graylane(['diff', '--json', old, folder.path])).out)).toMatchObject({ pins: [] })
    expect((await graylane(['diff', old, `${old}.gone`])).code).toBe(2)
  })
})
