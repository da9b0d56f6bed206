// Manifests of the tests, read from disk as the command line reads them.

import type { Problem } from '../../src/config/problem.ts'
import { Sources } from '../../src/config/sources.ts'
import { decodeSource } from '../../src/config/source-text.ts'
import { readYaml } from '../../src/config/yaml-tree.ts'
import { loadManifests } from '../../src/istio/load-manifests.ts'
import { type Manifests, readManifests } from '../../src/istio/read-manifests.ts'

/** `problems` are those of the files themselves: YAML that is none, paths that are not there. */
export async function manifestsAt(path: string): Promise<{ manifests: Manifests; problems: readonly Problem[] }> {
  const problems: Problem[] = []
  const report = (problem: Problem): void => void problems.push(problem)
  const asker = { file: path, line: 1, column: 1 }
  const manifests = await loadManifests([{ path, asker }], new Sources('.', report), report)
  return { manifests, problems }
}

/** The same for a text. */
export function manifestsIn(text: string): Manifests {
  const report = (problem: Problem): void => {
    throw new Error(problem.message)
  }
  const source = decodeSource('manifests.yaml', new TextEncoder().encode(text), report)
  return readManifests(readYaml(source as NonNullable<typeof source>, report) ?? [])
}
