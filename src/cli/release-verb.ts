// What the release verbs share: they edit routes.yaml by a plan that was checked, say what changed, or print the patch.
// Decides nothing about releases: that is config/edit-routes.ts.

import {
  commitEdit,
  planEdit,
  type EditPlan,
  type RefusedEdit,
  type ReleaseVerb,
  surroundingsOf,
} from '../config/release-edit.ts'
import type { Problem } from '../config/problem.ts'
import { rehearse } from '../rehearse.ts'
import { runTests } from './configuration-tests.ts'
import { sayProblems } from './say-problems.ts'
import { painter } from './terminal.ts'
import { defaultConfigPath, UsageError, type ExitCode } from './usage.ts'

/** Options that every release verb takes. */
export const releaseOptions = {
  config: { type: 'string', default: defaultConfigPath },
  release: { type: 'string' },
  print: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const

export const releaseOptionsHelp = `  --config FILE      routes.yaml (default ${defaultConfigPath})
  --release NAME     which release, where the file holds several
  --print            print the patch and change nothing (exit code 3)
  --json             the answer as JSON

Exit code: 0 done, or nothing to do; 1 refused, and why; 2 wrong usage; 3 not written: the patch was printed, because of
--print or because the file is read-only.
`

interface ReleaseOptions {
  readonly config: string
  readonly print: boolean
  readonly json: boolean
}

/** Reads VERSION and what else a verb takes. */
export function readVersion(positionals: readonly string[], more: readonly string[] = []): string {
  const wanted = ['VERSION', ...more]
  if (positionals.length === wanted.length) return positionals[0] as string
  const missing = wanted[positionals.length]
  throw new UsageError(
    missing === undefined
      ? `${positionals.slice(wanted.length).join(' ')}: ${wanted.join(' and ')} ${more.length === 0 ? 'is' : 'are'} all there is to say`
      : `which ${missing}?`,
  )
}

export async function runReleaseVerb(verb: ReleaseVerb, options: ReleaseOptions): Promise<ExitCode> {
  const plan = await planEdit(options.config, verb, new Date())
  if ('refused' in plan) return tellRefusal(plan, options)
  const tests = await failingTests(plan)
  const commit = options.print && plan.patch !== '' ? 'printed' : await commitEdit(plan)
  if (commit === 'changed') {
    return tellRefusal(
      { refused: 'changed', reason: `${plan.file} was changed by somebody else meanwhile: look, and try again` },
      options,
    )
  }
  const code = commit === 'written' || commit === 'unchanged' ? 0 : 3
  if (options.json) {
    const { file, changes, patch, problems } = plan
    say(
      JSON.stringify(
        { ok: code === 0, outcome: commit, file, changes, patch, problems: [...problems, ...tests] },
        undefined,
        2,
      ),
    )
    return code
  }
  sayProblems([...plan.problems, ...tests])
  const sentences = commit === 'unchanged' ? ['nothing to change'] : plan.changes
  if (code === 0) {
    for (const sentence of sentences) say(`${plan.file}: ${sentence}`)
    return 0
  }
  for (const sentence of sentences) complain('dim', `# ${sentence}`)
  if (commit === 'read-only') complain('yellow', `graylane: ${plan.file} is read-only: this patch was not applied`)
  process.stdout.write(plan.patch)
  return 3
}

function tellRefusal({ refused, reason, problems = [] }: RefusedEdit, { json }: ReleaseOptions): ExitCode {
  if (json) say(JSON.stringify({ ok: false, refused, reason, problems }, undefined, 2))
  else {
    complain('red', `graylane: refused: ${reason}`)
    sayProblems(problems)
  }
  return 1
}

/** Tests of the file that would not hold any more: told, since that may be just what was wanted. */
async function failingTests(plan: EditPlan): Promise<readonly Problem[]> {
  if (plan.patch === '') return []
  const rehearsal = await rehearse(plan.file, surroundingsOf(plan))
  if (!('explain' in rehearsal)) return []
  return runTests(rehearsal).failures.map((problem): Problem => ({ ...problem, severity: 'warning' }))
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function complain(style: 'red' | 'yellow' | 'dim', line: string): void {
  process.stderr.write(`${painter(process.stderr)(style, line)}\n`)
}
