// `graylane share`: sets the percentage of visitors that a version draws.

import { readVersion, releaseOptions, releaseOptionsHelp, runReleaseVerb } from './release-verb.ts'
import { readArguments, UsageError, type ExitCode } from './usage.ts'

export const usage = `graylane share [OPTIONS] VERSION PERCENTAGE

Sets the share of visitors that a version draws, 0.01% at least. Who is drawn stays: a larger share only adds
visitors, a smaller one takes nobody back (rollback does).

  --rule NAME        the share of that name, where the version has several
${releaseOptionsHelp}
  graylane share v2 20%
`

export async function run(args: string[]): Promise<ExitCode> {
  const { values, positionals } = readArguments(args, { ...releaseOptions, rule: { type: 'string' } }, true)
  refuseMixedUp(positionals)
  const version = readVersion(positionals, ['PERCENTAGE'])
  const { rule, release } = values
  return runReleaseVerb({ verb: 'share', version, share: positionals[1] as string, rule, release }, values)
}

/** A percentage in the place of a version, and a number without its unit. */
function refuseMixedUp([first = '', second]: readonly string[]): void {
  if (isPercentage(first)) {
    throw new UsageError(
      second === undefined ? `which VERSION gets ${first}?` : `VERSION comes first: share ${second} ${first}`,
    )
  }
  if (second !== undefined && /^[\d.,]+$/.test(second)) throw new UsageError(`${second} of what? write ${second}%`)
}

function isPercentage(text: string): boolean {
  return /^[\d.,]+%$/.test(text)
}
