// Where the graph puts things, without a browser: the two pure modules of the dashboard.

import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import type { LaneView } from '../../src/observe/traffic-ring.ts'

const folder = join(import.meta.dirname, '../../src/admin/dashboard')
const { layOut } = (await import(join(folder, 'graph-layout.js'))) as { layOut: (input: object) => Shapes }
const { seenReleases } = (await import(join(folder, 'seen-releases.js'))) as {
  seenReleases: (traffic: object) => readonly { readonly name: string; readonly versions: readonly object[] }[]
}

interface Box {
  readonly id: string
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

interface Shapes {
  readonly height: number
  readonly nodes: readonly (Box & { readonly own?: { readonly rate: number } })[]
  readonly links: readonly { readonly id: string; readonly isLent: boolean; readonly isCrossing?: boolean }[]
}

function lane(changes: Partial<LaneView>): LaneView {
  return {
    internal: false,
    release: 'shop',
    service: 'frontend',
    version: 'v1',
    pool: 'v1',
    rate: 1,
    errors: 0,
    refused: 0,
    p50: 1,
    p99: 2,
    crossings: [],
    endpoints: [{ endpoint: '10.0.0.1:80', rate: 1, errors: 0 }],
    ...changes,
  }
}

const shop = {
  name: 'shop',
  services: ['mqtt-server', 'frontend'],
  versions: [
    { name: 'v1', pools: { frontend: ['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80'], 'mqtt-server': ['10.0.0.1:81'] } },
    { name: 'v2', pools: { frontend: ['frontend-v2:80'] } },
  ],
}

describe('the graph', () => {
  it.each([320, 700, 1300])('puts nothing upon anything else and all inside, %i pixels wide', (width) => {
    const lanes = [lane({}), lane({ internal: true, service: 'mqtt-server' })]
    const behind = new Set(['mqtt-server'])
    const { nodes, height } = layOut({ release: shop, traffic: { lanes }, out: [], width, behind })
    for (const [index, a] of nodes.entries()) {
      expect([a.id, a.x >= 0 && a.x + a.w <= width && a.y >= 0 && a.y + a.h <= height]).toEqual([a.id, true])
      for (const b of nodes.slice(index + 1)) {
        const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y
        expect([a.id, b.id, apart]).toEqual([a.id, b.id, true])
      }
    }
  })

  it('tells a lent pool from a crossing, and what the edge answered itself from both', () => {
    const lanes = [
      lane({ version: 'v2', service: 'mqtt-server', pool: 'v1' }),
      lane({ crossings: [{ served: 'v2', count: 3 }] }),
      lane({ service: '', version: '', pool: '', rate: 4, endpoints: [] }),
    ]
    const { links, nodes } = layOut({ release: shop, traffic: { lanes }, out: [], width: 1300, behind: new Set() })
    expect(links.filter(({ isLent }) => isLent).map(({ id }) => id)).toEqual(['false mqtt-server v2 v1'])
    expect(links.filter(({ isCrossing }) => isCrossing)).toMatchObject([{ id: 'false frontend v1 v1 v2', count: 3 }])
    expect(nodes.find(({ id }) => id === 'edge')?.own?.rate).toBe(4)
  })

  it('has lanes for a mesh, of what was seen; also for routes without a subset', () => {
    const host = 'reviews.default.svc.cluster.local'
    const lanes = ['', 'v3'].map((pool) => lane({ release: 'default', service: host, version: pool, pool }))
    const [release, ...others] = seenReleases({ lanes: [...lanes, lane({ service: '', pool: '', endpoints: [] })] })
    expect(others).toEqual([])
    expect(release).toMatchObject({ name: 'default', services: [host], versions: [{ name: '' }, { name: 'v3' }] })
    const { nodes } = layOut({ release, traffic: { lanes }, out: [], width: 1300, behind: new Set() })
    expect(nodes.filter(({ id }) => id.startsWith(host)).map(({ id }) => id)).toEqual([
      `${host}@`,
      `${host}@ 10.0.0.1:80`,
      `${host}@v3`,
      `${host}@v3 10.0.0.1:80`,
    ])
  })
})
