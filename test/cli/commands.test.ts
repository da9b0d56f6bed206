import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'

import { describe, expect, it, vi } from 'vitest'

import { painter } from '../../src/cli/terminal.ts'
import { graylane } from './graylane-process.ts'
import { routes, useRoutes } from './routes.ts'
import { type Row, rowsIn } from './rows.ts'

const folder = useRoutes()
const run = rowsIn(folder)
const broken = routes().replace('stable: v1', 'stable: v9')

describe('graylane', () => {
  const rows: Row[] = [
    { says: 'lists the verbs when called with none', args: [], code: 2, err: /serve +run the gateway/ },
    { says: 'lists the verbs when asked', args: ['--help'], code: 0, out: /explain +say which version/ },
    { says: 'tells its version', args: ['--version'], code: 0, out: /^graylane \d+\.\d+\.\d+\n$/ },
    { says: 'names the nearest verb', args: ['srve'], code: 2, err: /no verb srve.*serve/ },
    {
      says: 'helps with a verb as others do',
      args: ['help', 'promote'],
      code: 0,
      out: /^graylane promote \[OPTIONS\]/,
    },
    { says: 'tells its version as other commands do', args: ['version'], code: 0, out: /^graylane \d+\.\d+\.\d+\n$/ },
    {
      says: 'wants the verb first',
      args: ['--json', 'status'],
      code: 2,
      err: /^graylane: the VERB comes before --json\n/,
    },
    { says: 'knows no verb of Object', args: ['constructor'], code: 2, err: /no verb constructor/ },
  ]
  it.each(rows)('$says', run)

  it('says which Node it needs where a library would only show a stack', async () => {
    const old = "Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.20.2'}})"
    const { code, err } = await graylane(['check', folder.path], {
      NODE_OPTIONS: `--import=data:text/javascript,${old}`,
    })
    expect([code, err]).toEqual([2, `graylane: needs Node 24 or newer, and this is ${process.version}\n`])
  })

  it('has verbs whose help fits a screen', { timeout: 180_000 }, async () => {
    const { out } = await graylane(['--help'])
    const verbs = Array.from(out.matchAll(/^ {2}([a-z]+) {2,}/gm), (match) => match[1] as string)
    expect(verbs).toContain('serve')
    expect(out.split('\n').length).toBeLessThanOrEqual(24)
    for (const verb of verbs) {
      const help = await graylane([verb, '--help'])
      const lines = help.out.split('\n')
      expect(help.code).toBe(0)
      expect(help.out, verb).toMatch(/exit code/i)
      expect(help.out, verb).toContain('--json')
      expect(lines[0]).toMatch(new RegExp(`^graylane ${verb}\\b`))
      expect(lines.length, verb).toBeLessThanOrEqual(24)
      expect(Math.max(...lines.map((line) => line.length)), verb).toBeLessThanOrEqual(120)
    }
  })

  it.each([
    ['', '\u001b[31mno\u001b[39m'],
    ['1', 'no'],
  ])('writes colours at a terminal, with NO_COLOR=%j: %j', (value, painted) => {
    vi.stubEnv('NO_COLOR', value)
    try {
      expect(painter({ isTTY: true } as NodeJS.WriteStream)('red', 'no')).toBe(painted)
    } finally {
      vi.unstubAllEnvs()
    }
  })

  it('writes no colours into a pipe', async () => {
    const { out } = await graylane(['explain', '--config', folder.path, '/'])
    expect(out).not.toContain('\u001b')
  })
})

describe('graylane serve does not start', () => {
  const serve = ['serve', '--config', 'FILE', '--admin', '127.0.0.1:0']
  const rows: Row[] = [
    { says: 'on an option it does not know', args: ['serve', '--confg', 'x'], code: 2, err: /--confg.*--config/ },
    {
      says: 'on a file without its option, and names that',
      args: ['serve', 'FILE'],
      code: 2,
      err: /unexpected FILE \(did you mean --config FILE\?\)/,
    },
    {
      says: 'with options for manifests beside a routes.yaml, which would do nothing',
      args: [...serve, '--port', '80=8080'],
      code: 1,
      err: /FILE:1:1: error listen: .*--port, --resolve and --internal are for Istio's manifests/,
    },
    {
      says: 'with no number of workers',
      args: [...serve, '--workers', '0'],
      code: 2,
      err: /--workers wants auto or a number/,
    },
    {
      says: 'with an admin address that is none',
      args: ['serve', '--admin', '9901'],
      code: 2,
      err: /--admin wants ADDRESS:PORT/,
    },
    {
      says: 'with a port that is none',
      args: ['serve', '--probe', '[::1]:70000'],
      code: 2,
      err: /--probe wants ADDRESS:PORT/,
    },
    {
      says: 'with an empty name of a configuration, which is not the root of all files',
      args: ['serve', '--config', ''],
      code: 2,
      err: /--config is empty: was a variable not set\?/,
    },
    {
      says: 'with a delay that looks like an option, and says how it is written',
      args: ['serve', '--config', 'FILE', '--drain-delay', '-1'],
      code: 2,
      err: /^graylane serve: --drain-delay wants a value; one that begins with - is joined to it: --drain-delay=-\.\.\.\n.*\n$/,
    },
    {
      says: 'with a short option of another server',
      args: ['serve', '-c', 'FILE'],
      code: 2,
      err: /-c \(did you mean --config\?\)/,
    },
    { says: 'with a negative delay', args: ['serve', '--drain-delay=-1'], code: 2, err: /--drain-delay wants seconds/ },
    {
      says: 'without a configuration',
      args: ['serve', '--config', 'FILE.gone', '--admin', '127.0.0.1:0'],
      code: 1,
      err: /FILE\.gone/,
    },
    {
      says: 'with a configuration that has errors, and says where',
      args: serve,
      yaml: broken,
      code: 1,
      err: /^graylane: the configuration cannot be used\nFILE:\d+:\d+: error [a-z-]+: .*v9/,
    },
    {
      says: 'with the admin server open to others and no token',
      args: ['serve', '--config', 'FILE', '--admin', '0.0.0.0:0'],
      code: 1,
      err: /0\.0\.0\.0, which is not loopback: it needs a token, by --admin-token-file or GRAYLANE_ADMIN_TOKEN/,
    },
    {
      says: 'without the token file it was given',
      args: [...serve, '--admin-token-file', 'FILE.token'],
      code: 1,
      err: /the admin token: FILE\.token: there is no such file/,
    },
    {
      says: 'on an address that is not of this machine',
      args: ['serve', '--config', 'FILE', '--admin', '127.0.0.1:0', '--probe', '192.0.2.1:0'],
      code: 1,
      err: /192\.0\.2\.1 is no address of this machine/,
    },
  ]
  it.each(rows)('$says', run)

  it.each(['short', ''])('with the token %j in a file', async (token) => {
    const file = `${folder.path}.token`
    await writeFile(file, `${token}\n`)
    const args = ['serve', '--config', folder.path, '--admin', '127.0.0.1:0', '--admin-token-file', file]
    const { code, err } = await graylane(args, { GRAYLANE_ADMIN_TOKEN: 'a-token-of-some-length' })
    expect([code, err]).toEqual([1, 'graylane: the admin token is shorter than 16 characters\n'])
  })

  it.each([
    ['accessLog: none/access.log', '16:12', 'its directory is not there'],
    ['accessLog: { path: . }', '16:12', 'a directory, not a file'],
    ['accessLog: pin.key/access.log', '16:12', 'a file stands in the place of one of its directories'],
  ])('with a log that cannot be opened, and says where it is asked for: %s', async (line, place, why) => {
    await folder.write(routes({}, `${line}\n`))
    const { code, err } = await graylane(['serve', '--config', folder.path, '--admin', '127.0.0.1:0'])
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(
        new RegExp(
          `^graylane: the configuration cannot be used\n${folder.path}:${place}: error apply: the access log /\\S+: ${why}\n$`,
        ),
      ),
    ])
  })

  it.each(['listener', 'admin'])('on a port of its %s that is taken, and says which', async (what) => {
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const { port } = holder.address() as AddressInfo
    if (what === 'listener') await folder.write(routes().replace('port: 0', `port: ${port}`))
    const admin = `127.0.0.1:${what === 'admin' ? port : 0}`
    const { code, err } = await graylane(['serve', '--config', folder.path, '--admin', admin])
    holder.close()
    const reason = `port ${port} on 127.0.0.1 is taken by another process`
    const place = `the configuration cannot be used\n${folder.path}:3:5: error apply: `
    expect([code, err]).toEqual([1, `graylane: ${what === 'listener' ? place : ''}${reason}\n`])
  })

  it.each([
    [
      'its admin server at the port of a listener',
      'listener',
      /^graylane: port \d+ is a listener of FILE: give the admin server another\n$/,
    ],
    [
      'its admin server and its probe at one port',
      'probe',
      /^graylane: port \d+ is asked for by --admin and by --probe: give one another\n$/,
    ],
  ])('with %s, and says whose port that is', async (_what, other, said) => {
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const { port } = holder.address() as AddressInfo
    await once(holder.close(), 'close')
    if (other === 'listener') await folder.write(routes().replace('port: 0', `port: ${port}`))
    const at = `127.0.0.1:${port}`
    const probe = other === 'probe' ? ['--probe', at] : []
    await run({ says: '', args: ['serve', '--config', 'FILE', '--admin', at, ...probe], code: 1, err: said })
  })
})

/** Three tests, of which the first holds for v2 only. */
function tests(version: string): string {
  return `tests:
  - request: { ip: 192.168.0.58, path: /a?b=c }
    expect: { version: ${version}, service: frontend, reason: rule }
  - request: { path: /api/x, cookies: { user: jason, other: x }, headers: { x-a: b } }
    expect: { version: v2, service: mqtt-server }
  - request: { path: / }
    expect: { version: v1, reason: stable }
`
}

describe('graylane check', () => {
  const rows: Row[] = [
    {
      says: 'is content with a good file',
      args: ['check', 'FILE'],
      code: 0,
      out: /^FILE: good \(0 errors, 0 warnings, 0 tests\)\n$/,
    },
    {
      says: 'runs the tests that stand in the file',
      args: ['check', 'FILE'],
      yaml: routes({}, tests('v2')),
      code: 0,
      out: /^FILE: good \(0 errors, 0 warnings, 3 tests\)\n$/,
    },
    {
      says: 'says at its line which test fails, and what came instead',
      args: ['check', 'FILE'],
      yaml: routes({}, tests('v1')),
      code: 1,
      out: /^FILE:17:\d+: error test: expected version v1, got v2 \(.*office.*\)\nFILE: not good \(1 error, 0 warnings, 3 tests\)\n$/,
    },
    {
      says: 'prints a problem as editors read it',
      args: ['check', 'FILE'],
      yaml: broken,
      code: 1,
      out: /^FILE:10:9: error [a-z-]+: .*v9.*v1/,
    },
    {
      says: 'checks every file and fails if one is bad',
      args: ['check', 'FILE', 'FILE.gone'],
      code: 1,
      out: /^FILE: good .*\n.*FILE\.gone/,
    },
    { says: 'wants a file', args: ['check'], code: 2, err: /which files\?/ },
    {
      says: 'takes files by name alone, and says so to whom --config is familiar',
      args: ['check', '--config', 'FILE'],
      code: 2,
      err: /unknown option --config: files are named without it/,
    },
    {
      says: 'takes one format',
      args: ['check', '--json', '--format', 'github', 'FILE'],
      code: 2,
      err: /--json is --format json, not github: which one\?/,
    },
    { says: 'knows its formats', args: ['check', '--format', 'xml', 'FILE'], code: 2, err: /text, json or github/ },
    {
      says: 'annotates for GitHub',
      args: ['check', '--format', 'github', 'FILE'],
      yaml: broken,
      code: 1,
      out: /^::error file=FILE,line=10,col=9,title=[a-z-]+::.*v9/,
    },
    { says: 'has nothing to annotate in a good file', args: ['check', '--format', 'github', 'FILE'], code: 0 },
  ]
  it.each(rows)('$says', run)

  it('tells machines everything', async () => {
    await folder.write(routes({}, tests('v1')))
    const { code, out } = await graylane(['check', '--format', 'json', folder.path])
    expect(code).toBe(1)
    expect(JSON.parse(out)).toEqual({
      ok: false,
      files: [
        {
          path: folder.path,
          tests: 3,
          problems: [expect.objectContaining({ line: 17, severity: 'error', code: 'test' })],
        },
      ],
    })
  })

  it('lets warnings pass, unless they are asked to count', async () => {
    // Without keys, pins end with the process: a warning.
    await folder.write(routes().replace('pin: { keys: [{ file: pin.key }] }', ''))
    const lax = await graylane(['check', folder.path])
    const strict = await graylane(['check', '--strict', folder.path])
    expect(lax.out).toMatch(/: warning /)
    expect([lax.code, strict.code]).toEqual([0, 1])
  })
})

describe('a verb that was asked for JSON', () => {
  const verbs = [
    ['explain', '--config', 'FILE', '/'],
    ['export', 'istio', '--config', 'FILE'],
    ['preview', 'v2', '--config', 'FILE', '--url', 'http://shop.example/'],
    ['diff', 'FILE', 'FILE'],
    ['promote', 'v2', '--config', 'FILE'],
    ['check', 'FILE'],
  ]
  it.each(verbs)('%s says in JSON too why there is no answer', async (...args) => {
    await folder.write(broken)
    const { out, err, code } = await graylane([...args.map((arg) => arg.replace('FILE', folder.path)), '--json'])
    expect(code).toBeGreaterThan(0)
    expect(err).toBe('')
    expect(JSON.parse(out)).toMatchObject({ ok: false })
    expect(out).toContain('"line": 10')
  })

  it.each([
    [
      'manifests',
      'apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: { name: a }\nspec: {}\n',
      /these are Istio's manifests, and a routes.yaml is wanted: graylane import/,
    ],
    [
      'a file that names manifests',
      'listen: [{ port: 0, gateway: 80 }]\nistio: [a.yaml]\n',
      /Istio's manifests stand here in place of releases/,
    ],
  ])('is told once, of %s, that a release is wanted', async (_what, yaml, said) => {
    await folder.write(yaml)
    const { code, out } = await graylane(['promote', 'v2', '--config', folder.path, '--json'])
    const { problems } = JSON.parse(out) as { problems: readonly { message: string; code: string }[] }
    expect([code, problems.map((problem) => problem.code)]).toEqual([1, ['manifests']])
    expect(problems[0]?.message).toMatch(said)
  })

  it('import says in JSON too that there is nothing to make a routes.yaml of', async () => {
    const { out, err, code } = await graylane(['import', folder.path, '--json'])
    expect([code, err, JSON.parse(out)]).toMatchObject([1, '', { ok: false, problems: [{ code: 'document' }] }])
  })

  it('demo says in JSON too why it could not be played', async () => {
    const { out, code } = await graylane(['demo', '--once', '--json', '--config', `${folder.path}.gone`])
    expect([code, JSON.parse(out)]).toEqual([
      1,
      { ok: false, reason: expect.stringContaining(`${folder.path}.gone`), problems: [] },
    ])
  })

  it('preview says in JSON too why it was refused', async () => {
    const { out, err } = await graylane(['preview', 'v9', '--config', folder.path, '--url', 'http://a/', '--json'])
    expect([JSON.parse(out), err]).toEqual([
      { ok: false, reason: expect.stringContaining('v9 is not listed'), problems: [] },
      '',
    ])
  })
})
