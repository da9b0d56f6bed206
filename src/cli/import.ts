// `graylane import`: the manifests of a gray release as routes.yaml, on standard output; what could not be carried over, on standard
// error. Changes no file.

import type { Problem } from '../config/problem.ts'
import { Sources } from '../config/sources.ts'
import { importManifests } from '../istio/import.ts'
import { loadManifests, noManifest } from '../istio/load-manifests.ts'
import { allProblems } from '../istio/read-manifests.ts'
import { namedHere } from './check-manifests.ts'
import { sayProblems } from './say-problems.ts'
import { type ExitCode, readArguments, UsageError } from './usage.ts'

export const usage = `graylane import [OPTIONS] PATH...

Writes a routes.yaml from the VirtualServices, DestinationRules, ServiceEntries and Services of a gray release, written
by hand or by graylane export istio. What it could not carry over, or what was meant rather than said, is named on
standard error with its place.

  --strict   exit with 1 when anything was left out
  --json     { text, problems } on standard output

Exit code: 0 written, 1 nothing to make a routes.yaml of, 2 wrong usage.

  graylane import manifests/ > routes.yaml && graylane check routes.yaml
`

/** 1 when there is nothing to make a routes.yaml of. */
export async function run(args: string[]): Promise<ExitCode> {
  const { values, positionals } = readArguments(
    args,
    {
      strict: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
    true,
  )
  if (positionals.length === 0) throw new UsageError('which files?')
  const problems: Problem[] = []
  const report = (problem: Problem): void => {
    problems.push(problem)
  }
  const named = namedHere(positionals)
  const manifests = await loadManifests(named, new Sources('.', report), report)
  const { text, notes } = importManifests(manifests)
  const read = [...problems, ...allProblems(manifests)]
  if (manifests.resources.length + read.length === 0) read.push(noManifest(named))
  // Where nothing could be read, what it does not hold is no news.
  const all = manifests.resources.length === 0 ? read : [...read, ...notes]
  if (values.json) {
    const answer = text === undefined ? { ok: false, problems: all } : { text, problems: all }
    process.stdout.write(`${JSON.stringify(answer, undefined, 2)}\n`)
    return text === undefined || (values.strict && all.length > 0) ? 1 : 0
  }
  sayProblems(all)
  if (text === undefined) return 1
  process.stdout.write(text)
  return values.strict && all.length > 0 ? 1 : 0
}
