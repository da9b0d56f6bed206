// A configuration in a folder of its own, for the processes of these tests.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import { writeByRename } from '../support/rewrite-file.ts'

export interface RoutesFolder {
  readonly path: string
  /** Replaces routes.yaml, by a rename: a gateway that runs never reads half of it. Returns its path. */
  write(yaml: string): Promise<string>
  remove(): Promise<void>
}

export const keySecret = 'canary-key-4711-of-32-bytes-or-more'

export async function routesFolder(): Promise<RoutesFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'graylane-cli-'))
  await writeFile(join(folder, 'pin.key'), keySecret)
  const path = join(folder, 'routes.yaml')
  return {
    path,
    async write(yaml) {
      await writeByRename(folder, 'routes.yaml', yaml)
      return path
    },
    remove: () => rm(folder, { recursive: true }),
  }
}

/** Such a folder for each test of the file that calls this, with that configuration in it. */
export function useRoutes(yaml: () => string = () => routes()): Omit<RoutesFolder, 'remove'> {
  let folder: RoutesFolder
  beforeEach(async () => {
    folder = await routesFolder()
    await folder.write(yaml())
  })
  afterEach(() => folder.remove())
  return {
    get path() {
      return folder.path
    },
    write: (text) => folder.write(text),
  }
}

/** Two services in two versions. `frontend` and `api` are URLs by version; `more` is YAML at the top level. */
export function routes(
  upstreams: Partial<Record<'frontend1' | 'api1' | 'frontend2' | 'api2', string>> = {},
  more = '',
): string {
  const { frontend1, api1, frontend2, api2 } = { ...nowhere, ...upstreams }
  return `name: shop
listen:
  - { port: 0, address: 127.0.0.1 }
services:
  mqtt-server: /api/
  frontend: {}
versions:
  v1: { frontend: "${frontend1}", mqtt-server: "${api1}" }
  v2: { frontend: "${frontend2}", mqtt-server: "${api2}" }
stable: v1
gray:
  - { name: office, version: v2, ip: [192.168.0.58, 127.0.0.58] }
  - version: v2
    match: [{ cookies: { user: { exact: jason } } }]
pin: { keys: [{ file: pin.key }] }
${more}`
}

const nowhere = {
  frontend1: 'http://127.0.1.1:8080',
  api1: 'http://127.0.1.1:8000',
  frontend2: 'http://127.0.1.2:8080',
  api2: 'http://127.0.1.2:8000',
}
