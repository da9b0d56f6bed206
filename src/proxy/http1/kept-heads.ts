// Request heads, used again and again. A connection keeps its head between two requests, since the next one mostly has the same fields;
// where there are more connections than heads, one that waits for a request loses its head to another.

import { RequestMessage } from './request-head.ts'

/** So many are kept, with 3 KiB each. While all of them are busy, others are made for one request. */
const MOST = 256
/** Heads looked at to find one whose connection waits. */
const LOOKS = 8

/** A connection, as far as heads are concerned. */
export interface HeadKeeper {
  /** Of the request under way, or of the one before; null when there was none, or another connection has it by now. */
  head: KeptHead | null
}

export class KeptHead extends RequestMessage {
  keeper: HeadKeeper | null = null
  /** Its request is under way. */
  busy = false
  /** One of those that are used again. */
  readonly lasting: boolean

  constructor(lasting: boolean) {
    super()
    this.lasting = lasting
  }
}

const all: KeptHead[] = []
const free: KeptHead[] = []
let hand = 0

/** The connection's head for its next request: empty, or as the request before left it. */
export function takeHead(keeper: HeadKeeper): KeptHead {
  const head = keeper.head ?? adopt(keeper)
  head.busy = true
  return head
}

/** The request has ended, and another may follow. */
export function restHead(keeper: HeadKeeper): void {
  const { head } = keeper
  if (head === null) return
  head.busy = false
  // Those that wait share the lasting ones, even when sockets that are open for hours hold all of these.
  if (!head.lasting) dropHead(keeper)
}

/** No request follows, or no whole one came. */
export function dropHead({ head }: HeadKeeper): void {
  if (head === null) return
  leave(head)
  if (head.lasting || free.length < MOST) free.push(head)
}

function adopt(keeper: HeadKeeper): KeptHead {
  const head = free.pop() ?? another()
  head.keeper = keeper
  keeper.head = head
  return head
}

function another(): KeptHead {
  if (all.length < MOST) {
    const head = new KeptHead(true)
    all.push(head)
    return head
  }
  for (let looked = 0; looked < LOOKS; looked++) {
    hand = (hand + 1) % MOST
    const head = all[hand]!
    if (head.busy) continue
    leave(head)
    return head
  }
  return new KeptHead(false)
}

/** Nothing of a visitor's request lives on in a head that nobody keeps. */
function leave(head: KeptHead): void {
  head.wipe()
  head.busy = false
  head.keeper!.head = null
  head.keeper = null
}
