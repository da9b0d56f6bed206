// `graylane retire`: takes a version out that nobody can have open any more.

import { readVersion, releaseOptions, releaseOptionsHelp, runReleaseVerb } from './release-verb.ts'
import { readArguments, type ExitCode } from './usage.ts'

export const usage = `graylane retire [OPTIONS] VERSION

Takes a version out of the file, after which its pods can go. Refused before it drained for pin.ttl (draining says
since when), while it is stable or the base of another version, and while a listener's sourceLabels name it.

${releaseOptionsHelp}
  graylane retire v1
`

export async function run(args: string[]): Promise<ExitCode> {
  const { values, positionals } = readArguments(args, releaseOptions, true)
  return runReleaseVerb({ verb: 'retire', version: readVersion(positionals), release: values.release }, values)
}
