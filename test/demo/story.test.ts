// Can the demo's visitor see a crossing? It is sent through edges that cross in the ways the story warns of.

import type { IncomingMessage } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { verdictOf, tableOf } from '../../demo/report.ts'
import { playStory } from '../../demo/story.ts'
import { startVersions, type Versions } from './placeholder-edge.ts'

let versions: Versions
beforeAll(async () => {
  versions = await startVersions()
})
afterAll(() => versions.close())

describe('the story, judged', () => {
  it('finds nothing when every answer is of the version its visitor should have', async () => {
    const story = await playStory(await versions.edge(honest), versions.whose)
    expect(story.crossings).toEqual([])
    expect(story.failures).toEqual([])
    expect(story.answers).toBe(26 * 7)
    expect(tableOf(story).slice(3)).toEqual([
      expect.stringMatching(/^address not on the list +192\.168\.0\.57 +v1 V11 +v1 +v1 +v1( +v1 001-010){3}$/),
      expect.stringMatching(/^address on the list +192\.168\.0\.58 +v2 V22 +v2 +v2 +v2( +v2 011-020){3}$/),
      expect.stringMatching(/^all at once +8 x 192\.168\.0\.57 +v1 V11 +v1 +v1 +v1( +v1 001-010){3}$/),
      expect.stringMatching(/^ +8 x 192\.168\.0\.58 +v2 V22 +v2 +v2 +v2( +v2 011-020){3}$/),
      expect.stringMatching(/^ +8 x cookie user=jason +v3 V33 +v3 +v3 +v3( +v3 021-030){3}$/),
    ])
    expect(verdictOf(story)).toContain('crossings: 0')
  })

  it('counts every API call that another version answers', async () => {
    const edge = await versions.edge((message) => {
      const { serve, say } = honest(message)
      return { serve: message.url === '/api/devices' && serve === 'v1' ? 'v2' : serve, say }
    })
    const story = await playStory(edge, versions.whose)
    expect(story.crossings).toHaveLength(9)
    expect(story.failures).toEqual([])
    expect(verdictOf(story)).toContain(
      "  crossed: all at once, 192.168.0.57: browser call of a v1 page is v2's by content, v1 by x-version (8 times)",
    )
    expect(tableOf(story).join('\n')).toContain('v2 011-020 (x-version v1)')
  })

  it('takes an x-version that contradicts the content for a crossing, even when the content is right', async () => {
    const edge = await versions.edge((message) => {
      const { serve } = honest(message)
      return { serve, say: message.url?.endsWith('.css') === true ? 'v3' : serve }
    })
    const story = await playStory(edge, versions.whose)
    expect(story.crossings).toHaveLength(18)
    expect(story.crossings[0]).toBe(
      "address not on the list, 192.168.0.57: style of a v1 page is v1's by content, v3 by x-version",
    )
  })

  it('sees what weights do to one page: its files are missing or of another version', async () => {
    let turn = 0
    const edge = await versions.edge(() => {
      const version = turn++ % 2 === 0 ? 'v1' : 'v2'
      return { serve: version, say: version }
    })
    const story = await playStory(edge, versions.whose)
    expect(story.crossings.length).toBeGreaterThan(0)
    expect(story.failures.join('\n')).toContain('got status 404')
  })

  it('calls it a failure when a listed address gets the stable version, though nothing crosses', async () => {
    const story = await playStory(await versions.edge(() => ({ serve: 'v1', say: 'v1' })), versions.whose)
    expect(story.crossings).toEqual([])
    expect(story.failures).toContain('address on the list, 192.168.0.58: got the page of v1 instead of v2')
  })
})

function honest({ headers }: IncomingMessage): { serve: string; say: string } {
  const gray = headers['x-forwarded-for'] === '192.168.0.58' ? 'v2' : 'v1'
  const version = headers.cookie?.includes('user=jason') === true ? 'v3' : gray
  return { serve: version, say: version }
}
