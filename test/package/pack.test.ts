import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')

/** A project of somebody else that has the packed package and its declared dependencies, and nothing more. */
let project: string
let files: readonly string[]

interface Manifest {
  readonly name: string
  readonly bin: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly dependencies: Readonly<Record<string, string>>
}

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'graylane-pack-'))
  const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', project], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [tarball] = JSON.parse(packed.slice(packed.indexOf('['))) as [{ filename: string; files: { path: string }[] }]
  files = tarball.files.map(({ path }) => path)
  const modules = join(project, 'node_modules')
  const home = join(modules, 'graylane')
  mkdirSync(home, { recursive: true })
  mkdirSync(join(modules, '.bin'))
  execFileSync('tar', ['-xzf', join(project, tarball.filename), '--strip-components=1', '-C', home])
  const manifest = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as Manifest
  for (const name of Object.keys(manifest.dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), join(modules, name))
  }
  for (const [name, path] of Object.entries(manifest.bin)) {
    execFileSync('chmod', ['+x', join(home, path)])
    symlinkSync(join('..', 'graylane', path), join(modules, '.bin', name))
  }
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }')
}, 120_000)

afterAll(() => rmSync(project, { recursive: true }))

/** As in that project's folder; Node is the one that runs the tests. */
function run(command: string, ...args: string[]) {
  const path = `${dirname(process.execPath)}:${process.env['PATH']}`
  return spawnSync(command, args, { cwd: project, encoding: 'utf8', env: { ...process.env, PATH: path } })
}

describe('the packed package', () => {
  it('holds JavaScript, its examples, ways to run it and its licence, and neither tests nor TypeScript sources', () => {
    expect(files).toEqual(
      expect.arrayContaining([
        'dist/main.js',
        'dist/gateway.d.ts',
        'config/routes.yaml',
        'config/routes.schema.json',
        'deploy/systemd/graylane.service',
        'examples/fastify-http-proxy.mjs',
        'LICENSE',
        'README.md',
      ]),
    )
    expect(files.filter((path) => /^(?:test|bench|demo|scripts)\/|(?<!\.d)\.ts$/.test(path))).toEqual([])
  })

  it('runs by npx', () => {
    writeFileSync(join(project, 'routes.yaml'), readFileSync(join(root, 'config/routes.yaml')))
    const { status, stdout, stderr } = run('npx', '--no-install', 'graylane', 'check', 'routes.yaml')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/routes\.yaml: good/)
    expect(run('npx', '--no-install', 'graylane', '--version').stdout).toMatch(/^graylane \d/)
  })

  it('serves from inside node_modules, where Node strips no types, with workers too', () => {
    const yaml = `listen: [{ port: 0, address: 127.0.0.1 }]
services: { app: }
versions: { v1: { app: http://127.0.0.1:9 } }
stable: v1
accessLog: off
`
    writeFileSync(join(project, 'small.yaml'), yaml)
    const script = `
      import { spawn } from 'node:child_process'
      const child = spawn('node_modules/.bin/graylane', ['serve', '--config', 'small.yaml', '--admin', '127.0.0.1:0', '--workers', '2', '--drain-delay', '0'])
      let said = ''
      let isAsked = false
      child.stderr.on('data', async (chunk) => {
        said += chunk
        const admin = /admin on (\\S+)\\n/.exec(said)?.[1]
        if (admin === undefined || isAsked) return
        isAsked = true
        for (const path of ['/', '/dashboard/app.js', '/dashboard/words.js']) {
          said += path + ' ' + (await fetch(admin + path)).status + '\\n'
        }
        child.kill('SIGTERM')
      })
      child.on('exit', (code) => { process.stdout.write(code + ' ' + said) })
    `
    writeFileSync(join(project, 'serve.js'), script)
    const { stdout } = run('node', 'serve.js')
    expect(stdout).toMatch(/^0 [^]*listening on http:\/\/127\.0\.0\.1:\d+\n[^]*ended/)
    // The dashboard is in the package.
    expect(stdout).toMatch(/\n\/ 200\n\/dashboard\/app\.js 200\n\/dashboard\/words\.js 200\n/)
  })

  it('gives embedders createGateway, with types', () => {
    const code = `import { createGateway, type Gateway } from 'graylane'
const gateway: Gateway = await createGateway({ configPath: 'small.yaml', watch: false })
const [listener] = gateway.listeners()
console.log(typeof listener?.port, gateway.state)
await gateway.close()
`
    writeFileSync(join(project, 'embed.ts'), code)
    expect(run('node', 'embed.ts')).toMatchObject({ status: 0, stdout: 'number ready\n' })
    const tsc = join(root, 'node_modules/.bin/tsc')
    const args = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2024',
      '--typeRoots',
      join(root, 'node_modules/@types'),
      '--types',
      'node',
      '--skipLibCheck',
    ]
    expect(run(tsc, ...args, 'embed.ts')).toMatchObject({ status: 0, stdout: '' })
    writeFileSync(join(project, 'wrong.ts'), code.replace('configPath:', 'confgPath:'))
    expect(run(tsc, ...args, 'wrong.ts').stdout).toContain('confgPath')
  })

  it('gives them an example that serves, tells what it answered, and ends when it is told to', () => {
    writeFileSync(join(project, 'embedded.mjs'), readFileSync(join(root, 'examples/embedded.mjs')))
    const script = `
      import { spawn } from 'node:child_process'
      const child = spawn('node', ['embedded.mjs', 'small.yaml'])
      let said = ''
      let port
      child.stdout.on('data', (chunk) => (said += chunk))
      child.stderr.on('data', async (chunk) => {
        said += chunk
        if (port !== undefined) return
        port = /port (\\d+)\\n/.exec(said)?.[1]
        if (port === undefined) return
        await fetch('http://127.0.0.1:' + port + '/a').then((answer) => answer.text())
        child.kill('SIGTERM')
      })
      child.on('exit', (code) => process.stdout.write(code + ' ' + said))
    `
    writeFileSync(join(project, 'embedded-run.mjs'), script)
    expect(run('node', 'embedded-run.mjs').stdout).toMatch(
      /^0 [^]*listening on 127\.0\.0\.1, port \d+\n[^]*v1 \(stable\) \/a\n/,
    )
    writeFileSync(join(project, 'bad.yaml'), 'stable: v1\n')
    const { status, stderr } = run('node', 'embedded.mjs', 'bad.yaml')
    expect({ status, stderr }).toMatchObject({ status: 1, stderr: expect.stringMatching(/^bad\.yaml:\d+:\d+: error /) })
  })

  it('gives fastify apps the plugin, as the example uses it beside @fastify/http-proxy', () => {
    const proxy = join(project, 'node_modules/@fastify/http-proxy')
    mkdirSync(dirname(proxy), { recursive: true })
    symlinkSync(join(root, 'node_modules/@fastify/http-proxy'), proxy)
    writeFileSync(join(project, 'example.mjs'), readFileSync(join(root, 'examples/fastify-http-proxy.mjs')))
    const script = `import { createApp } from './example.mjs'
const app = await createApp('small.yaml')
const { statusCode, headers, body } = await app.inject('/whoami')
console.log(statusCode, headers['x-version'], body)
await app.close()
`
    writeFileSync(join(project, 'try.mjs'), script)
    expect(run('node', 'try.mjs')).toMatchObject({ stdout: '200 v1 v1, because: stable\n', status: 0 })
  })

  it('has every file that it exports', () => {
    const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
    const named = Object.values(exports).flatMap((entry) =>
      typeof entry === 'string' ? [entry] : Object.values(entry),
    )
    expect(files).toEqual(expect.arrayContaining(named.map((path) => path.replace(/^\.\//, ''))))
  })
})
