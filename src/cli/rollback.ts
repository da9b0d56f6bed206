// `graylane rollback`: takes a version back from everybody who has it.

import { readVersion, releaseOptions, releaseOptionsHelp, runReleaseVerb } from './release-verb.ts'
import { readArguments, type ExitCode } from './usage.ts'

export const usage = `graylane rollback [OPTIONS] VERSION

Ends a version's gray rules and drains it: its visitors get stable with their next page, open pages stay whole. A
version that is stable itself gives its place back to the one that was stable before.

  --now              do not wait for the next page: raise the epoch, so that every open page, of other versions too, is
                     asked to reload with its next request
  --to VERSION       for a stable version: which one everybody goes back to
${releaseOptionsHelp}
  graylane rollback v2
`

export async function run(args: string[]): Promise<ExitCode> {
  const options = { ...releaseOptions, now: { type: 'boolean', default: false }, to: { type: 'string' } } as const
  const { values, positionals } = readArguments(args, options, true)
  const version = readVersion(positionals)
  const { now, to, release } = values
  return runReleaseVerb({ verb: 'rollback', version, now, to, release }, values)
}
