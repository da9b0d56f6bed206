// `graylane add`: puts visitors on a version by address or name.

import { readVersion, releaseOptions, releaseOptionsHelp, runReleaseVerb } from './release-verb.ts'
import { readArguments, type ExitCode } from './usage.ts'

export const usage = `graylane add [OPTIONS] VERSION

Gives a version to visitors: by address, or by who they are (identity in routes.yaml). They go into the rule that
lists such visitors already, or into a new one above all shares.

  --ip ADDRESS       an address or CIDR, as often as needed
  --user NAME        a user, as often as needed
  --rule NAME        the rule to put them into
${releaseOptionsHelp}
  graylane add v2 --ip 192.168.0.59 --user ann
`

export async function run(args: string[]): Promise<ExitCode> {
  const { values, positionals } = readArguments(
    args,
    {
      ...releaseOptions,
      ip: { type: 'string', multiple: true, default: [] },
      user: { type: 'string', multiple: true, default: [] },
      rule: { type: 'string' },
    },
    true,
  )
  const version = readVersion(positionals)
  const { ip, user: users, rule, release } = values
  return runReleaseVerb({ verb: 'add', version, ip, users, rule, release }, values)
}
