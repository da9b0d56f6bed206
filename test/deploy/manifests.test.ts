// The files of deploy/: strictly what Kubernetes' own types allow, and true to what the gateway does.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments, stringify } from 'yaml'

import { loadConfiguration } from '../../src/config/load.ts'
import { graylane, ServingProcess } from '../cli/graylane-process.ts'
import { routesFolder } from '../cli/routes.ts'

const root = join(import.meta.dirname, '../..')
const deploy = join(root, 'deploy')
const kubernetes = join(deploy, 'kubernetes')

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
}

const manifests = readdirSync(kubernetes)
  .filter((file) => file.endsWith('.yaml') && !['kustomization.yaml', 'routes.yaml'].includes(file))
  .flatMap((file) =>
    parseAllDocuments(readFileSync(join(kubernetes, file), 'utf8')).map((document) => ({
      file,
      manifest: document.toJS() as Manifest,
    })),
  )

function find<T>(kind: string, name: string): T {
  return manifests.find(({ manifest }) => manifest.kind === kind && manifest.metadata.name === name)?.manifest as T
}

/** What the compiler says of manifests written as values of Kubernetes' types: unknown keys and wrong types, nested ones too. */
function typeErrors(all: readonly Manifest[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'graylane-manifests-'))
  try {
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    const lines = all.map(({ apiVersion, kind, ...rest }, index) => {
      const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion]
      const path = `kubernetes-types/${group?.replace(/\.k8s\.io$/, '')}/${version}.d.ts`
      return `import type { ${kind} as K${index} } from '${path}'
export const m${index}: K${index} = ${JSON.stringify({ apiVersion, kind, ...rest })}`
    })
    writeFileSync(join(folder, 'manifests.ts'), lines.join('\n'))
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--types', '', '--allowImportingTsExtensions']
    execFileSync(join(root, 'node_modules/.bin/tsc'), [...options, 'manifests.ts'], { cwd: folder, encoding: 'utf8' })
    return ''
  } catch (error) {
    return (error as { stdout: string }).stdout
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Of `kubernetes-validate`: the schemas of that release, unknown keys refused. '' when nothing is wrong. */
function schemaErrors(manifest: object): string {
  const folder = mkdtempSync(join(tmpdir(), 'graylane-schema-'))
  try {
    const path = join(folder, 'manifest.yaml')
    writeFileSync(path, stringify(manifest))
    const options = ['-m', 'kubernetes_validate', '-k', '1.37', '--strict', '--no-warn', '--quiet', path]
    const { status, stdout, stderr } = spawnSync('python3', options, { encoding: 'utf8' })
    return status === 0 ? '' : `${stdout}${stderr}` || `ended with ${status}`
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const hasSchemas = spawnSync('python3', ['-c', 'import kubernetes_validate']).status === 0
const schemas = hasSchemas ? '' : ' (left out: pip install kubernetes-validate)'

describe('deploy/kubernetes', () => {
  it.skipIf(!hasSchemas)(`holds what the schemas of Kubernetes 1.37 allow, and all that they require${schemas}`, () => {
    for (const { file, manifest } of manifests) expect(`${file}: ${schemaErrors(manifest)}`).toBe(`${file}: `)
    const budget = find<{ spec: object }>('PodDisruptionBudget', 'graylane')
    expect(schemaErrors({ ...budget, spec: { ...budget.spec, minAvailabel: 1 } })).toContain('minAvailabel')
    const deployment = find<{ spec: object }>('Deployment', 'graylane')
    expect(schemaErrors({ ...deployment, spec: { ...deployment.spec, selector: undefined } })).toContain('selector')
  })

  it('holds what Kubernetes knows, key by key', { timeout: 30_000 }, () => {
    expect(manifests.length).toBeGreaterThan(8)
    expect(typeErrors(manifests.map(({ manifest }) => manifest))).toBe('')
    const [first] = manifests
    expect(typeErrors([{ ...first!.manifest, sepc: {} } as Manifest])).toContain('sepc')
  })

  it('lists every file in its kustomization', () => {
    const { resources } = parse(readFileSync(join(kubernetes, 'kustomization.yaml'), 'utf8')) as { resources: string[] }
    expect(resources.toSorted()).toEqual([...new Set(manifests.map(({ file }) => file))].toSorted())
  })

  it('has a configuration that a gateway takes, for the ports and names that the manifests have', async () => {
    const loaded = await loadConfiguration(join(kubernetes, 'routes.yaml'), { env: { GRAYLANE_KEY: 'k'.repeat(32) } })
    expect(loaded.problems).toEqual([])
    if (!('configuration' in loaded)) throw new Error('not loaded')
    const { listen, releases } = loaded.configuration
    expect(listen.map(({ port }) => port)).toEqual([8080, 15001])
    const [release] = releases
    for (const [, version] of release!.versions) {
      for (const [service, [upstream]] of version.pools) {
        type Service = { spec: { clusterIP: string; selector: object; ports: { port: number }[] } }
        const { spec } = find<Service>('Service', upstream!.hostname)
        expect(spec).toMatchObject({ clusterIP: 'None', selector: { app: service, version: version.name } })
        expect(spec.ports[0]?.port).toBe(upstream!.port)
      }
    }
    expect(release?.settleSeconds).toBeGreaterThanOrEqual(60)
  })

  it('has a configuration with which graylane check finds nothing wrong', async () => {
    const args = ['check', '--strict', join(kubernetes, 'routes.yaml')]
    expect(await graylane(args, { GRAYLANE_KEY: 'k'.repeat(32) })).toMatchObject({ code: 0, err: '' })
  })

  it('sends mqtt-server:8000 to the internal listener of the gateway, and keeps client addresses at the edge', () => {
    expect(find('Service', 'mqtt-server')).toMatchObject({
      spec: { selector: { 'app.kubernetes.io/name': 'graylane' }, ports: [{ port: 8000, targetPort: 'internal' }] },
    })
    expect(find('Service', 'graylane')).toMatchObject({ spec: { externalTrafficPolicy: 'Local' } })
  })

  it('gives the gateway time to end, no rights, and its configuration as a directory', () => {
    type Deployment = {
      spec: { template: { spec: { terminationGracePeriodSeconds: number; containers: [Record<string, unknown>] } } }
    }
    const { spec } = find<Deployment>('Deployment', 'graylane').spec.template
    const [container] = spec.containers
    const args = container['args'] as string[]
    const drainDelay = Number(args[args.indexOf('--drain-delay') + 1])
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(drainDelay + 30)
    expect(container).toMatchObject({
      readinessProbe: { httpGet: { path: '/readyz', port: 'probe' } },
      livenessProbe: { httpGet: { path: '/healthz', port: 'probe' } },
      securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
      volumeMounts: [{ mountPath: '/etc/graylane', readOnly: true }],
    })
    expect(JSON.stringify(container)).not.toContain('subPath')
    expect(container['ports']).toContainEqual({
      name: 'probe',
      containerPort: Number(args[args.indexOf('--probe') + 1]?.split(':')[1]),
    })
  })
})

describe('ports of deploy/kubernetes', () => {
  type Port = { readonly name: string; readonly containerPort: number }
  type Deployment = {
    spec: {
      template: {
        metadata: { annotations: Record<string, string> }
        spec: { containers: { ports: Port[]; args: string[] }[] }
      }
    }
  }
  const { metadata, spec } = find<Deployment>('Deployment', 'graylane').spec.template
  const { ports, args } = spec.containers[0]!

  it('are those that the gateway listens on: by its configuration, and by --probe', async () => {
    const loaded = await loadConfiguration(join(kubernetes, 'routes.yaml'), { env: { GRAYLANE_KEY: 'k'.repeat(32) } })
    if (!('configuration' in loaded)) throw new Error('not loaded')
    const [edge, internal] = loaded.configuration.listen
    const probe = Number(args[args.indexOf('--probe') + 1]?.split(':').at(-1))
    expect(Object.fromEntries(ports.map(({ name, containerPort }) => [name, containerPort]))).toEqual({
      edge: edge!.port,
      internal: internal!.port,
      probe,
    })
    expect(internal!.internal).toBe(true)
    expect(metadata.annotations).toMatchObject({
      'prometheus.io/port': String(probe),
      'prometheus.io/path': '/metrics',
    })
  })

  it('are called by names that the container gives them, wherever they are called', () => {
    const names = ports.map(({ name }) => name)
    const text = JSON.stringify(
      manifests
        .map(({ manifest }) => manifest)
        .filter(({ kind, metadata: { name } }) => kind !== 'Service' || ['graylane', 'mqtt-server'].includes(name)),
    )
    const called = Array.from(text.matchAll(/"(?:targetPort|port)":"([\w-]+)"/g), ([, name]) => name!)
    expect(new Set(called)).toEqual(new Set(names))
  })
})

describe('deploy/systemd/graylane.service', () => {
  const unit = readFileSync(join(deploy, 'systemd/graylane.service'), 'utf8')

  it('reloads by SIGHUP, and waits longer than the gateway takes to end', () => {
    expect(unit).toContain('ExecReload=/bin/kill -HUP $MAINPID')
    const delay = Number(/--drain-delay (\d+)/.exec(unit)?.[1])
    expect(Number(/TimeoutStopSec=(\d+)/.exec(unit)?.[1])).toBeGreaterThan(delay + 30)
  })

  it('lets the gateway ask which addresses the machine has; where a sandbox forbids that, it takes IPv4 for all there is', async () => {
    expect(/^RestrictAddressFamilies=(.*)$/m.exec(unit)?.[1]?.split(' ').toSorted()).toEqual([
      'AF_INET',
      'AF_INET6',
      'AF_NETLINK',
      'AF_UNIX',
    ])
    const sandbox = `import os from 'node:os'; import { syncBuiltinESMExports } from 'node:module'
os.networkInterfaces = () => { throw new Error('uv_interface_addresses: 97') }; syncBuiltinESMExports()`
    const options = `--import=data:text/javascript,${encodeURIComponent(sandbox)}`
    const args = ['check', join(kubernetes, 'routes.yaml')]
    expect(await graylane(args, { GRAYLANE_KEY: 'k'.repeat(32), NODE_OPTIONS: options })).toMatchObject({ code: 0 })
  })
})

describe('deploy/compose.yaml', () => {
  it('runs a stage that the Dockerfile has', () => {
    const { services } = parse(readFileSync(join(deploy, 'compose.yaml'), 'utf8')) as {
      services: Record<string, { build: { target: string } }>
    }
    const stages = Array.from(
      readFileSync(join(root, 'Dockerfile'), 'utf8').matchAll(/^FROM \S+ AS (\S+)/gm),
      (match) => match[1],
    )
    expect(stages).toContain(services['demo']?.build.target)
  })

  it('may write where the demo does, and nowhere else', () => {
    const text = readFileSync(join(root, 'Dockerfile'), 'utf8')
    const stage = /^FROM \S+ AS demo$[^]*?(?=^FROM )/m.exec(text)?.[0] ?? ''
    const [, uid, gid] = /^USER (\d+):(\d+)$/m.exec(stage) ?? []
    const build = readFileSync(join(root, 'demo/frontend/build.ts'), 'utf8')
    const [, folder] = /distDirectory = join\(here, '(\w+)'\)/.exec(build) ?? []
    expect(stage).toContain(`install -d -o ${uid} -g ${gid} demo/frontend/${folder}\n`)
    expect(stage).not.toMatch(/chown|chmod/)
  })
})

describe('the Dockerfile', () => {
  const text = readFileSync(join(root, 'Dockerfile'), 'utf8')
  const last = text
    .slice(text.lastIndexOf('\nFROM '))
    .split('\n')
    .filter((line) => !line.startsWith('#'))

  it('ends in a stage without development packages, without root, with a health check and the right signal', () => {
    expect(last.join('\n')).toMatch(/COPY --from=packages /)
    expect(text).toMatch(/install --prod --frozen-lockfile --ignore-scripts/)
    expect(last).toEqual(expect.arrayContaining(['USER 1000:1000', 'STOPSIGNAL SIGTERM']))
    expect(last.join('\n')).toMatch(/HEALTHCHECK [^]*127\.0\.0\.1:9901\/readyz/)
    expect(last.filter((line) => /^(?:VOLUME|ADD)\b/.test(line))).toEqual([])
  })

  it.each([
    ['as it is', () => ({})],
    ['with a token', () => ({ GRAYLANE_ADMIN_TOKEN: 'a token of sixteen' })],
    ['with a token in a file', (path: string) => ({ GRAYLANE_ADMIN_TOKEN_FILE: path })],
  ])('finds a gateway healthy by its check, %s, and none that is gone', async (_how, environmentOf) => {
    const [, command] = /^HEALTHCHECK [^]*?CMD (\[.*\])$/m.exec(text) ?? []
    const [, option = '', script = ''] = JSON.parse(command ?? '[]') as string[]
    const folder = await routesFolder()
    const routes = await folder.write(`listen: [{ port: 0, address: 127.0.0.1 }]
services: { app: }
versions: { v1: { app: http://127.0.0.1:9 } }
stable: v1
`)
    const environment: Record<string, string> = environmentOf(join(dirname(routes), 'pin.key'))
    const serving = await ServingProcess.start(routes, [], environment)
    const check = (): number | null =>
      spawnSync(process.execPath, [option, script.replace('127.0.0.1:9901', serving.admin)], { env: environment })
        .status
    try {
      expect(check()).toBe(0)
    } finally {
      await serving.kill()
      await folder.remove()
    }
    expect(check()).toBe(1)
  })

  it('copies what exists', () => {
    const copied = last.filter((line) => /^COPY (?!--from)/.test(line)).flatMap((line) => line.split(' ').slice(1, -1))
    expect(copied.length).toBeGreaterThan(2)
    for (const path of copied) expect(readdirSync(root)).toContain(path.replace(/\/.*/, ''))
  })
})
