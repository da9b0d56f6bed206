// What the demo prints: the table of who answered whom, the count of crossings, and what to try next.
// Only makes text; says nothing that is not in the story it is given.

import type { Stage } from './stage.ts'
import { namesOf, type Group, type Story } from './story.ts'
import { parts, type Answer, type Part } from './visitor.ts'
import { devicesIn } from './whose.ts'

const headings: Record<Part, readonly [string, string]> = {
  page: ['page', ''],
  script: ['JS', ''],
  style: ['CSS', ''],
  'lazy chunk': ['lazy', 'chunk'],
  'browser call': ['browser', 'API call'],
  'server call': ['server call', 'by x-version'],
  'server call by address': ['server call', 'by address'],
}

/** The table, one line of text each. */
export function tableOf(story: Story): string[] {
  const rows = [
    ['', '', ...parts.map((part) => headings[part][0])],
    ['situation', 'visitor', ...parts.map((part) => headings[part][1])],
    ...story.groups.map((group, index) => rowOf(group, story.groups[index - 1])),
  ]
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  return [...lines.slice(0, 2), '-'.repeat(Math.max(...lines.map((line) => line.length))), ...lines.slice(2)]
}

/** The verdict, with each thing that went wrong. */
export function verdictOf(story: Story): string[] {
  const visitors = story.groups.reduce((sum, group) => sum + group.visitors.length, 0)
  return [
    `${story.answers} answers to ${visitors} visitors, each judged by its content and by its x-version.`,
    `crossings: ${story.crossings.length}`,
    ...countEqual(story.crossings).map((text) => `  crossed: ${text}`),
    ...countEqual(story.failures).map((text) => `  failed: ${text}`),
  ]
}

/** Nothing crossed, and nothing failed. */
export function isClean({ crossings, failures }: Story): boolean {
  return crossings.length + failures.length === 0
}

/** Table and verdict for programs: for each part, the versions whose content came (null: of none). */
export function resultOf(story: Story): object {
  const { groups, answers, crossings, failures } = story
  const rows = groups.map(({ situation, guest, expected, visitors }) => ({
    situation,
    visitor: guest.label,
    visitors: visitors.length,
    expected,
    got: Object.fromEntries(parts.map((part) => [part, versionsOf(visitors, part)])),
  }))
  return { ok: isClean(story), answers, crossings, failures, groups: rows }
}

function versionsOf(visitors: Group['visitors'], part: Part): (string | null)[] {
  const given = visitors.flatMap((visitor) => visitor.answers.filter((answer) => answer.part === part))
  return [...new Set(given.map(({ content }) => content ?? null))]
}

/** What to try next, by hand. */
export function invitation({
  edgeUrl,
  adminUrl,
  configPath,
}: Pick<Stage, 'edgeUrl' | 'adminUrl' | 'configPath'>): string[] {
  return [
    'Try it yourself',
    `  as anybody (v1)      open ${edgeUrl} and press V11`,
    `  from the list (v2)   curl -i -H 'X-Forwarded-For: 192.168.0.58' ${edgeUrl}`,
    '                       (believed because curl calls from loopback: trust in routes.yaml)',
    "  as a tester (v3)     in the page's console: document.cookie = 'user=jason'; location.reload()",
    `                       or: curl -i -H 'x-user: jason' ${edgeUrl}`,
    '  as somebody new      a private window: the pin keeps a browser on its version',
    `  roll out             npx -y pnpm@12 graylane promote v2 --config ${configPath}`,
    '                       open pages stay v1, the next load is v2',
    `  the dashboard        open ${adminUrl}/`,
    `  what it counted      curl ${adminUrl}/metrics`,
  ]
}

function countEqual(texts: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1)
  return [...counts].map(([text, count]) => (count === 1 ? text : `${text} (${count} times)`))
}

function rowOf(group: Group, previous: Group | undefined): string[] {
  const count = group.visitors.length
  return [
    group.situation === previous?.situation ? '' : group.situation,
    count === 1 ? group.guest.label : `${count} x ${group.guest.label}`,
    ...parts.map((part) => cellOf(group, part)),
  ]
}

/** What all visitors of a group got for that part; several things when they differ. */
function cellOf(group: Group, part: Part): string {
  const answers = group.visitors.map((visitor) => visitor.answers.find((answer) => answer.part === part))
  return [...new Set(answers.map(describe))].join(', ')
}

function describe(answer: Answer | undefined): string {
  if (answer === undefined) return 'not asked'
  if (answer.status !== 200) return `status ${answer.status}`
  const version = answer.content ?? '?'
  const names = [...new Set(namesOf(answer))]
  const dissent = names.every((name) => name === version) ? '' : ` (x-version ${names.join(', ')})`
  return [version, evidence(answer)].filter(Boolean).join(' ') + dissent
}

/** What of the content a reader can check: the button's text, the range of the devices. */
function evidence(answer: Answer): string {
  if (answer.part === 'page') return /<button[^>]*>([^<]*)</.exec(answer.body)?.[1] ?? ''
  if (!answer.part.includes('call')) return ''
  const numbers = devicesIn(answer.body)
    .map((name) => name.slice('wsytest'.length))
    .toSorted()
  return `${numbers.at(0) ?? ''}-${numbers.at(-1) ?? ''}`
}
