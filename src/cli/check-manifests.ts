// Manifests for `graylane check`: all that were named are one set, as in a cluster, so that what one refers to may stand in another.
// Reads, and changes nothing.

import { readFile } from 'node:fs/promises'

import type { Problem } from '../config/problem.ts'
import { Sources } from '../config/sources.ts'
import { lint } from '../istio/lint.ts'
import type { NamedManifest } from '../istio/load-listed-manifests.ts'
import { loadManifests, noManifest } from '../istio/load-manifests.ts'

/** Manifests given on the command line. */
export function namedHere(paths: readonly string[]): readonly NamedManifest[] {
  return paths.map((path) => ({ path, asker: { file: path, line: 1, column: 1 } }))
}

/** Everything that is wrong with the set, in the order of its files. */
export async function checkManifests(named: readonly NamedManifest[]): Promise<readonly Problem[]> {
  const problems: Problem[] = []
  const report = (problem: Problem): void => {
    problems.push(problem)
  }
  const sources = new Sources('.', report)
  const manifests = await loadManifests(named, sources, report)
  if (manifests.resources.length + manifests.problems.length + problems.length === 0) return [noManifest(named)]
  const files = new Set(manifests.resources.map(({ place }) => place.file))
  const texts = new Map<string, string>()
  for (const file of files) texts.set(file, await readFile(file, 'utf8').catch(() => ''))
  return [...problems, ...lint(manifests, texts)]
}

/** What loading found and what the linter found, each thing once: the linter explains some slips better. */
export function together(loading: readonly Problem[], linting: readonly Problem[]): readonly Problem[] {
  const isTold = (problem: Problem): boolean =>
    linting.some(
      (other) =>
        other.file === problem.file &&
        other.line === problem.line &&
        other.column === problem.column &&
        (other.message === problem.message || (problem.code === 'unknown-field' && other.code === 'GL009')),
    )
  return [...loading.filter((problem) => !isTold(problem)), ...linting]
}
