// Values found by the address blocks that hold them: one binary search, then the few blocks around the innermost one.
// Blocks of CIDR form lie inside each other or apart, never across, which is what makes this small.

import { lastAtMost, parseCidr } from './address.ts'
import type { Address } from './types.ts'

/** A block, what belongs to it, and the next larger block around it. */
export interface CidrNode<T> {
  readonly values: readonly T[]
  readonly around: CidrNode<T> | undefined
}

/** The innermost block that holds an address. */
export type CidrIndex<T> = (address: Address) => CidrNode<T> | undefined

/** @throws Error on a text that `parseCidr` refuses. */
export function compileCidrIndex<T>(entries: Iterable<readonly [cidr: string, value: T]>): CidrIndex<T> {
  const four = new Map<string, Block<number, T>>()
  const six = new Map<string, Block<bigint, T>>()
  for (const [text, value] of entries) {
    const cidr = parseCidr(text)
    if (cidr === undefined) throw new Error(`not an address or CIDR: ${text}`)
    if (cidr.family === 4) {
      add(four, cidr.text, cidr.first, cidr.first + 2 ** (32 - cidr.prefix), value)
    } else {
      const first = (cidr.high << 64n) | cidr.low
      add(six, cidr.text, first, first + (1n << BigInt(128 - cidr.prefix)), value)
    }
  }
  const findFour = nest([...four.values()])
  const findSix = nest([...six.values()])
  return function findInnermost(address) {
    return address.family === 4 ? findFour(address.value) : findSix((address.high << 64n) | address.low)
  }
}

interface Block<N, T> {
  readonly first: N
  /** The first address behind the block. */
  readonly end: N
  readonly values: T[]
  around: Block<N, T> | undefined
}

function add<N, T>(blocks: Map<string, Block<N, T>>, text: string, first: N, end: N, value: T): void {
  const block = blocks.get(text)
  if (block === undefined) blocks.set(text, { first, end, values: [value], around: undefined })
  else if (block.values.at(-1) !== value) block.values.push(value)
}

/** Cuts the addresses at every block's ends; each piece knows its innermost block. */
function nest<N extends number | bigint, T>(blocks: Block<N, T>[]): (value: N) => Block<N, T> | undefined {
  const starts: N[] = []
  const owners: (Block<N, T> | undefined)[] = []
  let open: Block<N, T> | undefined

  function cut(at: N, owner: Block<N, T> | undefined): void {
    if (starts.at(-1) === at) owners[owners.length - 1] = owner
    else {
      starts.push(at)
      owners.push(owner)
    }
  }
  function closeUpTo(at: N): void {
    while (open !== undefined && open.end <= at) {
      cut(open.end, open.around)
      open = open.around
    }
  }
  // Larger blocks come before those that begin at the same address inside them.
  for (const block of blocks.toSorted((a, b) => compare(a.first, b.first) || compare(b.end, a.end))) {
    closeUpTo(block.first)
    block.around = open
    open = block
    cut(block.first, block)
  }
  while (open !== undefined) closeUpTo(open.end)
  return (value) => {
    const at = lastAtMost(starts, value)
    // An index below 0 is a property by name, which takes V8 twenty times as long.
    return at === -1 ? undefined : owners[at]
  }
}

function compare<N extends number | bigint>(a: N, b: N): number {
  return a < b ? -1 : a > b ? 1 : 0
}
