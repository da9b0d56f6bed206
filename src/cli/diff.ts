// `graylane diff`: what another configuration would change for visitors. Starts nothing, changes nothing.

import { compareConfigurations, type Comparison, type Moved } from '../config/compare.ts'
import { loadSnapshot } from '../config/release-edit.ts'
import { sayNoAnswer } from './say-problems.ts'
import { painter } from './terminal.ts'
import { readArguments, UsageError, type ExitCode } from './usage.ts'

export const usage = `graylane diff [OPTIONS] OLD NEW

Says which rules, versions and settings two configurations do not share, which share of visitors would move where with
their next page, and which pins die. Visitors that no rule names are drawn: 100,000 of them, always the same, each with
the pin that OLD left it. Users and addresses that rules name are taken one by one, up to 20,000.

  --json             the answer as JSON

Exit code: 0 both say the same, 1 they differ, 2 wrong usage, or a configuration that cannot be used.

  git show HEAD:config/routes.yaml > /tmp/old.yaml && graylane diff /tmp/old.yaml config/routes.yaml
`

export async function run(args: string[]): Promise<ExitCode> {
  const { values, positionals } = readArguments(args, { json: { type: 'boolean', default: false } }, true)
  const [old, now, ...rest] = positionals
  if (old === undefined || now === undefined || rest.length > 0)
    throw new UsageError('two configurations are compared: OLD NEW')
  const [before, after] = await Promise.all([loadSnapshot(old), loadSnapshot(now)])
  if (!('snapshot' in before) || !('snapshot' in after)) {
    sayNoAnswer(
      [before, after].flatMap((read) => ('snapshot' in read ? [] : read.problems)),
      values.json,
    )
    return 2
  }
  const comparison = compareConfigurations(before.snapshot, after.snapshot)
  process.stdout.write(values.json ? `${JSON.stringify(comparison, undefined, 2)}\n` : describe(comparison))
  return comparison.differences.length + comparison.pins.length === 0 ? 0 : 1
}

function describe({ differences, moves, pins }: Comparison): string {
  if (differences.length + pins.length === 0) return 'both say the same\n'
  const paint = painter(process.stdout)
  const section = (title: string, lines: readonly string[]): string =>
    lines.length === 0 ? '' : `${paint('bold', title)}\n${lines.map((line) => `  ${line}\n`).join('')}`
  return [
    section('written otherwise', differences),
    section(
      'visitors, with their next page',
      moves.flatMap(({ release, drawn, named }) => [
        `${release}: ${shares(drawn)} (of ${drawn.visitors.toLocaleString('en')} drawn, named by no rule; +/- 0.3 points)`,
        ...(named.visitors === 0
          ? []
          : [`${release}: ${counts(named)} of ${named.visitors} users and addresses that rules name`]),
      ]),
    ),
    section('pins', pins.length === 0 ? ['all of them hold'] : pins),
  ].join('')
}

function shares({ visitors, moves }: Moved): string {
  if (moves.length === 0) return 'nobody moves'
  return moves
    .map(({ from, to, visitors: count }) => `${((100 * count) / visitors).toFixed(1)} % move ${from} -> ${to}`)
    .join(', ')
}

function counts({ moves }: Moved): string {
  if (moves.length === 0) return 'none'
  return moves.map(({ from, to, visitors }) => `${visitors} move ${from} -> ${to}`).join(', ')
}
