// `graylane check`: reads configurations as serve does, prints every problem, and runs the tests that stand in them through the
// gateway's own function. Starts nothing, changes nothing.

import { lintConfiguration } from '../config/lint.ts'
import type { Problem } from '../config/problem.ts'
import { holdsManifests, manifestsNamedIn } from '../any-configuration.ts'
import { rehearse } from '../rehearse.ts'
import { checkManifests, namedHere, together } from './check-manifests.ts'
import { runTests } from './configuration-tests.ts'
import { problemLines } from './say-problems.ts'
import { readArguments, UsageError, type ExitCode } from './usage.ts'

export const usage = `graylane check [OPTIONS] PATH...

Prints every problem as file:line:column: severity code: text. PATH is a routes.yaml, whose tests it runs, or manifests
of Istio and Kubernetes, a file or a directory: all that are named are one set. Manifests that a routes.yaml names under
istio are a set too. Codes of manifests are those of istioctl analyze (IST...) and ours (GL...).
Exit code: 0 clean, 1 errors (with --strict: or warnings), 2 wrong usage.

  --strict                     warnings count as errors
  --format text|json|github    github: annotations for a workflow's log (default text)
  --json                       the same as --format json
`

const formats = ['text', 'json', 'github'] as const
type Format = (typeof formats)[number]

interface CheckOptions {
  readonly paths: readonly string[]
  readonly strict: boolean
  readonly format: Format
}

/** What came of one path. */
interface Checked {
  readonly path: string
  readonly problems: readonly Problem[]
  /** Tests that ran; those that failed are among the problems. Manifests have none. */
  readonly tests: number | undefined
}

export async function run(args: string[]): Promise<ExitCode> {
  const options = readOptions(args)
  const checked: Checked[] = []
  const manifests: string[] = []
  for (const path of options.paths) {
    if (await holdsManifests(path)) manifests.push(path)
    else checked.push(await check(path))
  }
  if (manifests.length > 0) {
    const problems = await checkManifests(namedHere(manifests))
    checked.push({ path: manifests.join(' '), problems, tests: undefined })
  }
  const isBad = ({ severity }: Problem): boolean => severity === 'error' || (options.strict && severity === 'warning')
  const bad = checked.some(({ problems }) => problems.some(isBad))
  process.stdout.write(printers[options.format](checked, !bad))
  return bad ? 1 : 0
}

async function check(path: string): Promise<Checked> {
  const rehearsal = await rehearse(path)
  const named = await manifestsNamedIn(path)
  const problems = together(rehearsal.problems, named.length === 0 ? [] : await checkManifests(named))
  if (!('explain' in rehearsal)) return { path, problems, tests: 0 }
  const { failures, count } = runTests(rehearsal)
  const lints = lintConfiguration(rehearsal.configuration)
  return { path, problems: [...problems, ...lints, ...failures], tests: count }
}

const printers: Record<Format, (checked: readonly Checked[], ok: boolean) => string> = {
  text: printText,
  json: (checked, ok) => `${JSON.stringify({ ok, files: checked }, undefined, 2)}\n`,
  github: (checked) => checked.flatMap(({ problems }) => problems.map(annotation)).join(''),
}

function printText(checked: readonly Checked[]): string {
  return checked
    .flatMap(({ path, problems, tests }) => [
      ...problemLines(problems, process.stdout),
      `${path}: ${summary(problems, tests)}`,
    ])
    .map((line) => `${line}\n`)
    .join('')
}

function summary(problems: readonly Problem[], tests: number | undefined): string {
  const of = (wanted: Problem['severity']): number => problems.filter(({ severity }) => severity === wanted).length
  const errors = of('error')
  const notes = of('info')
  const parts = [
    counted(errors, 'error'),
    counted(of('warning'), 'warning'),
    ...(notes > 0 ? [counted(notes, 'note')] : []),
    ...(tests === undefined ? [] : [counted(tests, 'test')]),
  ]
  return `${errors === 0 ? 'good' : 'not good'} (${parts.join(', ')})`
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** A workflow command of GitHub Actions; its escapes keep a message from becoming another command. */
function annotation({ severity, file, line, column, code, message }: Problem): string {
  const properties = `file=${property(file)},line=${line},col=${column},title=${property(code)}`
  return `::${severity === 'info' ? 'notice' : severity} ${properties}::${data(message)}\n`
}

function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}

function readOptions(args: string[]): CheckOptions {
  const { values, positionals } = readArguments(
    args,
    {
      strict: { type: 'boolean', default: false },
      format: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
    true,
  )
  const asked = values.format ?? (values.json ? 'json' : 'text')
  const format = formats.find((known) => known === asked)
  if (format === undefined) throw new UsageError(`--format is text, json or github, not ${JSON.stringify(asked)}`)
  if (values.json && format !== 'json') throw new UsageError(`--json is --format json, not ${format}: which one?`)
  if (positionals.length === 0) throw new UsageError('which files?')
  return { paths: positionals, strict: values.strict, format }
}
