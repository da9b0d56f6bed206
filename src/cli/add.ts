// `graylane add`: puts visitors on a version by address or name.

import { readVersion, releaseOptions, releaseOptionsHelp, runReleaseVerb } from './release-verb.ts'
import { readArguments, UsageError, type ExitCode } from './usage.ts'

export const usage = `graylane add [OPTIONS] VERSION

Gives a version to visitors: by address, or by who they are (identity in routes.yaml). They go into the rule that
lists such visitors already, or into a new one above all shares.

  --ip ADDRESS       an address or CIDR, as often as needed
  --user NAME        a user, as often as needed
  --rule NAME        the rule to put them into
${releaseOptionsHelp}
  graylane add v2 --ip 192.168.0.59 --user ann
`

const byOption = 'by --ip ADDRESS or --user NAME, as often as needed'

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
  const { ip, user: users, rule, release } = values
  const [, ...words] = positionals
  if (words.length > 0) throw new UsageError(`unexpected ${words.join(' ')}: visitors are named ${byOption}`)
  const version = readVersion(positionals)
  if (ip.length + users.length === 0) throw new UsageError(`which visitors? they are named ${byOption}`)
  const list = ip.find((text) => text.includes(','))
  if (list !== undefined)
    throw new UsageError(
      `--ip takes one address: ${list
        .split(',')
        .map((one) => `--ip ${one.trim()}`)
        .join(' ')}`,
    )
  return runReleaseVerb({ verb: 'add', version, ip, users, rule, release }, values)
}
