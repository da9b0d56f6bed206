// Frames as browsers load them, and whose pages stand around each.

import type { Plan } from './plan.ts'
import { type Held, isGood } from './promise.ts'

export interface Frame {
  /** Around it: the page of its own host; pages of the site, of which one may be it; pages of another site. */
  readonly around: 'its page' | 'the site' | 'strangers'
  readonly marks: readonly (readonly [name: string, value: string])[]
}

export const frames: readonly Frame[] = [
  { around: 'its page', marks: [['sec-fetch-site', 'same-origin']] },
  {
    around: 'its page',
    marks: [
      ['sec-fetch-site', 'cross-site'],
      ['referer', 'https://shop.test/account'],
    ],
  },
  {
    around: 'the site',
    marks: [
      ['sec-fetch-site', 'same-site'],
      ['referer', 'https://portal.shop.test/'],
    ],
  },
  {
    around: 'the site',
    marks: [
      ['sec-fetch-site', 'cross-site'],
      ['referer', 'https://bank.test/'],
    ],
  },
  {
    around: 'strangers',
    marks: [
      ['sec-fetch-site', 'cross-site'],
      ['sec-fetch-storage-access', 'active'],
    ],
  },
]

/** Whether no page that is open can lose its pin by it. */
export function isVisit({ around }: Frame, plan: Plan, held: Held | undefined): boolean {
  if (around === 'its page') return false
  return around === 'strangers' || held === undefined || !isGood(plan, held)
}
