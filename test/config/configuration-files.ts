// A directory of its own for the files of one configuration, and what loading them gives.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Configuration } from '../../src/config/configuration.ts'
import { formatProblem, loadConfiguration, type Problem } from '../../src/config/load.ts'
import { compileConfiguration } from '../../src/config/snapshot.ts'

const surroundings = {
  env: { GRAYLANE_KEY: 'k'.repeat(32), OLDER_KEY: 'o'.repeat(40), SHORT_KEY: 'five!' },
  anyAddress: '::',
}

/** The four keys that have to be there, on lines 1 to 4, and a pin key, so that nothing is left to warn of. */
export const shortest = `listen: [{ port: 8080 }]
services: { app: }
versions: { v1: { app: http://10.0.0.1 }, v2: { app: http://10.0.0.2 } }
stable: v1
`
export const withKey = 'pin: { keys: [{ env: GRAYLANE_KEY }] }\n'

export interface ConfigurationDirectory {
  readonly path: string
  write(name: string, content: string | Uint8Array): Promise<void>
  remove(): Promise<void>
}

export async function makeDirectory(): Promise<ConfigurationDirectory> {
  const path = await mkdtemp(join(tmpdir(), 'graylane-config-'))
  return {
    path,
    write: (name, content) => writeFile(join(path, name), content),
    remove: () => rm(path, { recursive: true }),
  }
}

/** Writes routes.yaml and loads it; `files` are written beside it. */
export async function load(routes: string | Uint8Array, files: Readonly<Record<string, string | Uint8Array>> = {}) {
  const directory = await makeDirectory()
  try {
    for (const [name, content] of Object.entries(files)) await directory.write(name, content)
    await directory.write('routes.yaml', routes)
    return { ...(await loadConfiguration(join(directory.path, 'routes.yaml'), surroundings)), root: directory.path }
  } finally {
    await directory.remove()
  }
}

/** The configuration; throws when there is none, with what is wrong. */
export async function loadGood(
  routes: string | Uint8Array,
  files: Readonly<Record<string, string | Uint8Array>> = {},
): Promise<Configuration> {
  const loaded = await load(routes, files)
  if ('configuration' in loaded) return loaded.configuration
  throw new Error(loaded.problems.map(formatProblem).join('\n'))
}

/** What `graylane check` would print, files named without their directory; warnings of missing keys left out. */
export async function problemsOf(
  routes: string | Uint8Array,
  files: Readonly<Record<string, string | Uint8Array>> = {},
): Promise<readonly string[]> {
  const loaded = await load(routes, files)
  const problems: Problem[] = [...loaded.problems]
  if ('configuration' in loaded) {
    const compiled = compileConfiguration(loaded.configuration)
    if ('problems' in compiled) problems.push(...compiled.problems)
  }
  return problems
    .filter(({ code }) => code !== 'no-keys')
    .map((problem) => formatProblem(problem).replaceAll(`${loaded.root}/`, '').replaceAll(loaded.root, '.'))
}
