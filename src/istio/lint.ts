// Everything that `graylane check` says of manifests: what Istio's validation refuses, what istioctl analyze reports under its codes,
// and what neither sees but breaks a gray release (codes GL...). Pure; starts nothing.

import type { Problem } from '../config/problem.ts'
import type { Place } from '../rules/types.ts'
import { istioFinding, type LintProblem, type Say } from './analysis.ts'
import { analyzeHosts } from './analyze-hosts.ts'
import { analyzeReferences } from './analyze-references.ts'
import { analyzeRules } from './analyze-rules.ts'
import { servedGateways } from './gateway-listeners.ts'
import { type LintCodeName, lintCodes } from './lint-codes.ts'
import { lintComments } from './lint-comments.ts'
import { lintEndpoints } from './lint-endpoints.ts'
import { lintMatches } from './lint-matches.ts'
import { lintRelease, type SayLint } from './lint-release.ts'
import { lintWorkloads } from './lint-workloads.ts'
import { type Manifests, toldOnce } from './read-manifests.ts'
import { type AnyResource, nameOf } from './resource.ts'

/**
 * All there is to say, in the order of the files.
 * @param texts of the files by name, for their comments
 */
export function lint(manifests: Manifests, texts: ReadonlyMap<string, string> = new Map()): readonly LintProblem[] {
  const analysis = analyze(manifests)
  const found: LintProblem[] = [...analysis]
  const add = (place: Place, code: LintCodeName, message: string, origin: string): void => {
    found.push({
      file: place.file,
      line: place.line,
      column: place.column,
      severity: lintCodes[code].severity,
      code,
      message,
      origin,
    })
  }
  const say: SayLint = (resource, place, code, message) => add(place, code, message, nameOf(resource))
  lintMatches(manifests, analysis, say)
  lintRelease(manifests, say)
  lintWorkloads(manifests, say)
  lintEndpoints(manifests, analysis, say)
  for (const [file, text] of texts) {
    lintComments(file, text, (place, message) => add(place, 'GL013', message, originOf(manifests, place)))
  }
  // One slip, one message: what we can explain better is not told a second time.
  const explained = (problem: LintProblem): boolean =>
    problem.code === 'unknown-field' && found.some((other) => other.code === 'GL009' && samePlace(other, problem))
  const general = manifests.problems.map((problem) => ({ ...problem, origin: '' }))
  servedGateways(manifests, (problem) => void general.push({ ...problem, origin: '' }))
  return inOrder(toldOnce([...general, ...found.filter((problem) => !explained(problem))]), manifests)
}

function samePlace(a: Place, b: Place): boolean {
  return a.file === b.file && a.line === b.line && a.column === b.column
}

/** The resource whose document a line stands in. */
function originOf({ resources }: Manifests, { file, line }: Place): string {
  const before = resources.filter(({ place }: AnyResource) => place.file === file && place.line <= line)
  const nearest = before.toSorted((a, b) => b.place.line - a.place.line)[0]
  return nearest === undefined ? '' : nameOf(nearest)
}

/** What istioctl analyze would report, the messages of validation included. In the order of the files. */
export function analyze(manifests: Manifests): readonly LintProblem[] {
  const found: LintProblem[] = manifests.resources.flatMap((resource) =>
    resource.problems.map((problem) => ({ ...problem, origin: nameOf(resource) })),
  )
  const say: Say = (resource, place, code, message) => {
    found.push(istioFinding(resource, place, code, message))
  }
  analyzeReferences(manifests, say)
  analyzeRules(manifests, say)
  analyzeHosts(manifests, say)
  return inOrder(found, manifests)
}

/** Files as they were read, lines from the top. */
function inOrder<P extends Problem>(problems: readonly P[], { resources }: Manifests): readonly P[] {
  const files = new Map<string, number>()
  for (const { place } of resources) if (!files.has(place.file)) files.set(place.file, files.size)
  const rank = (place: Place): number => files.get(place.file) ?? -1
  return problems.toSorted((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column)
}
