// The product, as its users run it: one process, signed pins, metrics. `log` adds the access log to a file: everything on.

import { writeFile, truncate } from 'node:fs/promises'
import { join } from 'node:path'

import { type Contender, furtherCookie, type FurtherRule, furtherRules, type Setting, versionOf } from '../contender.ts'

const root = join(import.meta.dirname, '../..')
const key = 'only-for-benchmarks-'.repeat(2)

export interface GraylaneVariant {
  readonly name: string
  readonly about: string
  readonly log?: boolean
  readonly rules?: number
  readonly workers?: number
  /** A listener for TLS beside the plain one, where a certificate can be made. */
  readonly secure?: boolean
  /** Further options of the Node that runs it. */
  readonly nodeArgs?: readonly string[]
  /** Further environment, for what `nodeArgs` load. */
  readonly env?: Readonly<Record<string, string>>
  /** Shares of versions, as `{ v2: 20 }` in percent: drawn by chance instead of by an address and a user. */
  readonly shares?: Readonly<Record<string, number>>
}

export function graylane(variant: GraylaneVariant): Contender {
  const { name, about, workers = 1, nodeArgs = [], env } = variant
  return {
    name,
    about,
    install: 'is this project',
    compilesAsItRuns: true,
    version: ownVersion,
    async command(setting) {
      const config = routesPath(setting)
      await writeFile(config, routesOf(setting, variant))
      const admin = `127.0.0.1:${setting.adminPort}`
      const serve = ['serve', '--config', config, '--admin', admin, '--workers', String(workers), '--drain-delay', '0']
      return {
        name,
        file: process.execPath,
        args: [...nodeArgs, join(root, 'src/main.ts'), ...serve],
        env: { GRAYLANE_BENCH_KEY: key, ...env },
      }
    },
    async ready({ adminPort }) {
      const answer = await fetch(`http://127.0.0.1:${adminPort}/readyz`)
      await answer.arrayBuffer()
      return answer.status === 200
    },
    async tidy(setting) {
      if (variant.log === true) await truncate(logPath(setting))
    },
  }
}

/** Version of the package and the commit that was measured; `changed` when the sources are not those of the commit. */
export async function ownVersion(): Promise<string> {
  const version = await versionOf(process.execPath, [join(root, 'src/main.ts'), '--version'], /graylane (\S+)/)
  const commit = await versionOf('git', ['-C', root, 'rev-parse', '--short', 'HEAD'], /^([0-9a-f]+)$/m)
  const changes = await versionOf('git', ['-C', root, 'status', '--porcelain', 'src'], /^(.. \S)/m)
  const changed = changes === undefined || changes === 'unknown version' ? '' : ', changed'
  return `${version ?? '?'}${commit === undefined ? '' : ` (${commit}${changed})`}`
}

export function routesPath(setting: Setting): string {
  return join(setting.folder, 'routes.yaml')
}

function logPath(setting: Setting): string {
  return join(setting.folder, 'access.log')
}

/** routes.yaml of a variant. */
export function routesOf(setting: Setting, variant: GraylaneVariant): string {
  const { port, backends } = setting
  const pools = Object.entries(backends).map(([version, at]) => `  ${version}: { web: "http://127.0.0.1:${at}" }`)
  const gray = variant.shares === undefined ? explicitRules(variant.rules ?? 0) : shareRules(variant.shares)
  return `name: bench
listen: [{ port: ${port}, address: 127.0.0.1 }${variant.secure === true ? secureListener(setting) : ''}]
trust: [127.0.0.0/8]
services: { web: {} }
versions:
${pools.join('\n')}
stable: v1
gray:
${gray.join('\n')}
pin: { keys: [{ env: GRAYLANE_BENCH_KEY }] }
accessLog: { path: ${variant.log === true ? JSON.stringify(logPath(setting)) : 'off'} }
`
}

function secureListener({ secure }: Setting): string {
  if (secure === undefined) return ''
  const files = `cert: ${JSON.stringify(secure.cert)}, key: ${JSON.stringify(secure.key)}`
  return `, { port: ${secure.port}, address: 127.0.0.1, tls: { ${files} } }`
}

function explicitRules(further: number): readonly string[] {
  return [
    '  - { version: v2, ip: [192.168.0.58] }',
    '  - { version: v3, match: [{ headers: { x-user: { exact: jason } } }] }',
    ...furtherRules(further).map(ruleLine),
  ]
}

function ruleLine({ by, value, version }: FurtherRule): string {
  if (by === 'address') return `  - { version: ${version}, ip: [${value}] }`
  if (by === 'user') return `  - { version: ${version}, match: [{ headers: { x-user: { exact: ${value} } } }] }`
  return `  - { version: ${version}, match: [{ cookies: { ${furtherCookie}: { exact: ${value} } } }] }`
}

function shareRules(shares: Readonly<Record<string, number>>): readonly string[] {
  return Object.entries(shares).map(([version, percent]) => `  - { version: ${version}, share: ${percent}% }`)
}
