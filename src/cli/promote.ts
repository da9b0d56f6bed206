// `graylane promote`: everybody gets a version, and the old one drains.

import { readVersion, releaseOptions, releaseOptionsHelp, runReleaseVerb } from './release-verb.ts'
import { readArguments, type ExitCode } from './usage.ts'

export const usage = `graylane promote [OPTIONS] VERSION

Makes a version stable: everybody gets it whom no rule takes elsewhere. Its own gray rules end. The version that was
stable drains: it serves its open pages, draws nobody, and goes on lending its pools to versions that had relied on
them (base).

${releaseOptionsHelp}
  graylane promote v2
`

export async function run(args: string[]): Promise<ExitCode> {
  const { values, positionals } = readArguments(args, releaseOptions, true)
  return runReleaseVerb({ verb: 'promote', version: readVersion(positionals), release: values.release }, values)
}
