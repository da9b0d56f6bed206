// The story's three situations: an address that is not on the list, one that is, and all kinds at once.
// Judges every answer by its content and by its x-version, and prints nothing.

import { arrive, type Answer, type Guest, type Visitor } from './visitor.ts'
import type { Whose } from './whose.ts'

/** Visitors of one kind in one situation, and the version they have to get. */
export interface Group {
  readonly situation: string
  readonly guest: Guest
  readonly expected: string
  readonly visitors: readonly Visitor[]
}

export interface Story {
  readonly groups: readonly Group[]
  readonly answers: number
  /** A page of one version answered by another: a sentence for each such answer. */
  readonly crossings: readonly string[]
  /** Whatever else went wrong: no answer of use, or a visitor on a version it should not have; a sentence each. */
  readonly failures: readonly string[]
}

const stranger: Guest = { label: '192.168.0.57', forwardedFor: '192.168.0.57', cookies: {} }
const office: Guest = { label: '192.168.0.58', forwardedFor: '192.168.0.58', cookies: {} }
const jason: Guest = { label: 'cookie user=jason', forwardedFor: '192.168.0.57', cookies: { user: 'jason' } }
const crowd = 8

/** Plays them against the edge at that URL, one after another. Throws when the edge cannot be reached. */
export async function playStory(edgeUrl: string, whose: Whose): Promise<Story> {
  const cast = [
    { situation: 'address not on the list', guests: [{ guest: stranger, expected: 'v1', count: 1 }] },
    { situation: 'address on the list', guests: [{ guest: office, expected: 'v2', count: 1 }] },
    {
      situation: 'all at once',
      guests: [
        { guest: stranger, expected: 'v1', count: crowd },
        { guest: office, expected: 'v2', count: crowd },
        { guest: jason, expected: 'v3', count: crowd },
      ],
    },
  ]
  const groups: Group[] = []
  for (const { situation, guests } of cast) {
    const present = guests.map(({ guest, expected, count }) => {
      const visitors = Array.from({ length: count }, () => arrive(edgeUrl, guest, whose))
      return { situation, guest, expected, visitors }
    })
    await playTogether(interleave(present.map((group) => group.visitors)))
    groups.push(...present)
  }
  return judge(groups)
}

/** All take each step at the same time: everybody's page is open before anybody's first asset is asked for. */
async function playTogether(visitors: readonly Visitor[]): Promise<void> {
  try {
    await Promise.all(visitors.map((visitor) => visitor.openPage()))
    await Promise.all(visitors.map((visitor) => visitor.loadAssets()))
    await Promise.all(visitors.map((visitor) => visitor.pressButton()))
  } finally {
    await Promise.allSettled(visitors.map((visitor) => visitor.leave()))
  }
}

/** One of each kind in turn, so that neighbours on the wire differ. */
function interleave(kinds: readonly (readonly Visitor[])[]): Visitor[] {
  const longest = Math.max(...kinds.map((visitors) => visitors.length))
  return Array.from({ length: longest }, (_, turn) =>
    kinds.flatMap((visitors) => visitors.slice(turn, turn + 1)),
  ).flat()
}

function judge(groups: readonly Group[]): Story {
  const visits = groups.flatMap((group) => group.visitors.map((visitor) => ({ group, visitor })))
  const verdicts = visits.flatMap(({ group, visitor }) => {
    const page = visitor.answers[0]?.content
    const who = `${group.situation}, ${group.guest.label}`
    const wrongVersion =
      page === group.expected ? [] : [`${who}: got the page of ${page ?? 'nobody'} instead of ${group.expected}`]
    return [
      ...wrongVersion.map((text) => ({ kind: 'failure', text })),
      ...visitor.answers.flatMap((answer) => judgeAnswer(answer, page ?? group.expected, who)),
    ]
  })
  const textsOf = (kind: string): string[] =>
    verdicts.filter((verdict) => verdict.kind === kind).map((verdict) => verdict.text)
  return {
    groups,
    answers: visits.reduce((sum, { visitor }) => sum + visitor.answers.length, 0),
    crossings: textsOf('crossing'),
    failures: textsOf('failure'),
  }
}

function judgeAnswer(answer: Answer, page: string, who: string): { kind: 'crossing' | 'failure'; text: string }[] {
  const name = `${who}: ${answer.part}`
  if (answer.status !== 200) return [{ kind: 'failure', text: `${name} got status ${answer.status}` }]
  if (answer.content === undefined) return [{ kind: 'failure', text: `${name} got content of no version` }]
  const names = namesOf(answer)
  if (names.includes(undefined)) return [{ kind: 'failure', text: `${name} does not name its version in x-version` }]
  if (answer.content === page && names.every((version) => version === page)) return []
  const said = [...new Set(names)].join(' and ')
  return [
    { kind: 'crossing', text: `${name} of a ${page} page is ${answer.content}'s by content, ${said} by x-version` },
  ]
}

/** Every version this answer claims to be; a server-side call passed graylane twice. */
export function namesOf(answer: Answer): (string | undefined)[] {
  return answer.part.startsWith('server call') ? [answer.named, answer.backendNamed] : [answer.named]
}
