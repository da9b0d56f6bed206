import { setImmediate as nextTurn } from 'node:timers/promises'

import { describe, expect, it } from 'vitest'

import { Gathered } from '../../src/observe/gathered.ts'

function gathering(): { gathered: Gathered<number>; taken: (readonly number[])[] } {
  const taken: (readonly number[])[] = []
  return { gathered: new Gathered((all) => taken.push(all)), taken }
}

describe('what is gathered over a turn of the event loop', () => {
  it('is handed over in one piece and in order, before anything new is heard', async () => {
    const { gathered, taken } = gathering()
    for (const one of [1, 2, 3]) gathered.add(one)
    expect(taken).toEqual([])
    await nextTurn()
    expect(taken).toEqual([[1, 2, 3]])
  })

  it('is handed over at once when somebody cannot wait, and not again', async () => {
    const { gathered, taken } = gathering()
    gathered.add(1)
    gathered.flush()
    expect(taken).toEqual([[1]])
    gathered.add(2)
    await nextTurn()
    await nextTurn()
    expect(taken).toEqual([[1], [2]])
  })

  it('may grow while it is handed over', async () => {
    const taken: number[] = []
    const gathered: Gathered<number> = new Gathered((all) => {
      for (const one of all) {
        taken.push(one)
        if (one === 1) gathered.add(2)
      }
    })
    gathered.add(1)
    gathered.flush()
    expect(taken).toEqual([1])
    await nextTurn()
    expect(taken).toEqual([1, 2])
  })
})
