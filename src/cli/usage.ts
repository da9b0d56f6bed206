// What every verb shares: options read strictly, errors that name the nearest right word, exit codes.
// Never decides what a verb does.

import { existsSync } from 'node:fs'
import { parseArgs, type ParseArgsConfig, type ParseArgsOptionsConfig } from 'node:util'

import { oldestNode, packageVersion } from '../package-version.ts'
import { didYouMean } from '../rules/route-problem.ts'

export { didYouMean, oldestNode, packageVersion }

/** 0 done, 1 errors found or refused, 2 wrong usage (or nothing measured), 3 a patch was printed and not applied. */
export type ExitCode = 0 | 1 | 2 | 3

/** Where the checked-out or installed package has its example. */
export const defaultConfigPath = 'config/routes.yaml'

/** Something the caller of a verb got wrong; the message is for people, and the exit code is 2. */
export class UsageError extends Error {}

interface Parsed<T extends ParseArgsOptionsConfig> {
  readonly values: ReturnType<typeof parseArgs<{ options: T; args: string[]; allowPositionals: boolean }>>['values']
  readonly positionals: string[]
}

/**
 * Like util.parseArgs. Throws UsageError with the option that may have been meant, and when nobody said which configuration and the one
 * that is meant then is not there.
 */
export function readArguments<const T extends ParseArgsOptionsConfig>(
  args: readonly string[],
  options: T,
  positionals: Pick<ParseArgsConfig, 'allowPositionals'>['allowPositionals'] = false,
): Parsed<T> {
  let parsed: Parsed<T>
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: positionals }) as Parsed<T>
  } catch (error) {
    throw new UsageError(sentence(error as NodeJS.ErrnoException, [...Object.keys(options), 'help'], positionals))
  }
  refuseEmpty(parsed)
  const { config } = parsed.values as { readonly config?: string }
  if (config === defaultConfigPath && !existsSync(config)) {
    throw new UsageError(`there is no ${config} here: --config FILE says which configuration is meant`)
  }
  return parsed
}

/** What a variable that was not set leaves behind: as a path it would be another one. */
function refuseEmpty({ values, positionals }: Pick<Parsed<ParseArgsOptionsConfig>, 'values' | 'positionals'>): void {
  for (const [name, value] of Object.entries(values)) {
    if ([value].flat().includes('')) throw new UsageError(`--${name} is empty: was a variable not set?`)
  }
  if (positionals.includes('')) throw new UsageError('an argument is empty: was a variable not set?')
}

function sentence(error: NodeJS.ErrnoException, known: readonly string[], positionals = false): string {
  const word = /^Unexpected argument '([^]*?)'\. /.exec(error.message)?.[1]
  if (word !== undefined)
    return `unexpected ${word}${known.includes('config') ? ` (did you mean --config ${word}?)` : ''}`
  const lacking = /^Option '(?:-\w, )?(--[^' ]+)(?: <value>)?' argument (missing|is ambiguous)/.exec(error.message)
  if (lacking !== null) {
    const [, option, how] = lacking
    return `${option} wants a value${how === 'missing' ? '' : `; one that begins with - is joined to it: ${option}=-...`}`
  }
  const unknown = /^Unknown option '(-+[^']*)'/.exec(error.message)?.[1]
  if (unknown === undefined) return error.message
  if (unknown === '--config' && positionals) return 'unknown option --config: files are named without it'
  const options = known.map((name) => `--${name}`)
  const [spelled, another] = options.filter((option) => option.startsWith(`-${unknown}`))
  const hint =
    spelled === undefined || another !== undefined ? didYouMean(unknown, options) : didYouMean(spelled, options)
  return `unknown option ${unknown}${hint}`
}
