import { describe, expect, it } from 'vitest'
import { Ladder, type OverloadSpec, type Pressure } from '../../src/overload-ladder.ts'

const rungs: OverloadSpec['rungs'] = [
  { memory: 0.8, lagMs: 100 },
  { memory: 0.9, lagMs: 500 },
  { memory: 0.95, lagMs: 2000 },
]

const calm: Pressure = { memory: 0.2, lagMs: 1 }

/** The rungs after each look. */
function looks(...pressures: readonly Pressure[]): number[] {
  const ladder = new Ladder()
  return pressures.map((pressure) => ladder.look(pressure, rungs))
}

const times = (count: number, pressure: Pressure): Pressure[] => Array.from({ length: count }, () => pressure)

describe('the overload ladder', () => {
  it('stays down while there is room', () => {
    expect(new Set(looks(...times(20, { memory: 0.79, lagMs: 99 })))).toEqual(new Set([0]))
  })

  it('does not climb for one bad look', () => {
    expect(looks(calm, { memory: 0.99, lagMs: 9 }, calm, { memory: 0.2, lagMs: 5000 }, calm)).toEqual([0, 0, 0, 0, 0])
  })

  it.each<[string, Pressure, number]>([
    ['memory', { memory: 0.8, lagMs: 0 }, 1],
    ['lag', { memory: 0, lagMs: 100 }, 1],
    ['more memory', { memory: 0.92, lagMs: 0 }, 2],
    ['more lag', { memory: 0, lagMs: 500 }, 2],
    ['the worse of both', { memory: 0.81, lagMs: 2000 }, 3],
  ])('climbs for %s at the second look, as far as it has to', (_what, pressure, rung) => {
    expect(looks(pressure, pressure)).toEqual([0, rung])
  })

  it('steps down one rung after eight looks well below it, and not while pressure hangs near the edge', () => {
    const near = { memory: 0.9 * 0.86, lagMs: 0 }
    const up = times(2, { memory: 0.9, lagMs: 0 })
    expect(new Set(looks(...up, ...times(50, near)).slice(1))).toEqual(new Set([2]))
    const down = looks(...up, ...times(16, calm)).slice(2)
    expect(down).toEqual([...Array.from({ length: 7 }, () => 2), ...Array.from({ length: 8 }, () => 1), 0])
  })
})
