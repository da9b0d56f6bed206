// Tells by content alone which version an answer came from: files by their bytes, device lists by their names.
// Never looks at a header: those are what this is compared with.

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { devicesOf } from './devices.ts'
import type { Build } from './frontend/build.ts'

export interface Whose {
  /** The version whose build holds exactly these bytes, or undefined when none or several do. */
  file(body: string): string | undefined
  /** The version that looks after exactly these devices, or undefined. */
  deviceList(body: string): string | undefined
}

export async function readWhose(builds: readonly Build[]): Promise<Whose> {
  const owners = new Map<string, Set<string>>()
  for (const build of builds) {
    const entries = await readdir(build.directory, { recursive: true, withFileTypes: true })
    for (const entry of entries.filter((found) => found.isFile())) {
      const body = await readFile(join(entry.parentPath, entry.name), 'utf8')
      owners.set(body, (owners.get(body) ?? new Set()).add(build.version))
    }
  }
  const lists = new Map(builds.map(({ version }) => [devicesOf(version).join(), version]))
  return {
    file: (body) => {
      const versions = [...(owners.get(body) ?? [])]
      return versions.length === 1 ? versions[0] : undefined
    },
    deviceList: (body) => lists.get(devicesIn(body).toSorted().join()),
  }
}

/** The names in `{"message":[...]}`; none when the body is anything else. */
export function devicesIn(body: string): string[] {
  try {
    const message = (JSON.parse(body) as { message?: unknown } | null)?.message
    return Array.isArray(message) ? message.filter((name) => typeof name === 'string') : []
  } catch {
    return []
  }
}
