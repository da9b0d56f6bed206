// A page that has a call made ahead by a link, which says nothing of its page: after another tab has been given the next version, the answer
// is of that one, and must not be taken for the page's own.

import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { describeWithPages, openIn } from './page-stage.ts'

describeWithPages('calls that a link has made ahead', (stage) => {
  it.each(['preload', 'prefetch'] as const)('by %s, are of the version of the page that takes them', async (rel) => {
    const { page } = await stage.open(`${stage.url('https')}/?stamp`)
    await stage.change({ stable: 'v2', draining: ['v1'] })
    await openIn(await page.context().newPage(), stage.url('https'))
    expect(await calledAhead(page, rel, '/api/version')).toBe('v1')
    // The next one has to be as good.
    expect(await calledAhead(page, rel, '/api/version')).toBe('v1')
  })

  it('are taken as they are where they are of the version of the page', async () => {
    const { page } = await stage.open(`${stage.url('https')}/?stamp`)
    const before = stage.askedFor('/api/version')
    expect(await calledAhead(page, 'preload', '/api/version')).toBe('v1')
    expect(stage.askedFor('/api/version')).toBe(before + 1)
  })

  it('are asked for twice only once, where the next answer is of another version too', async () => {
    const stale = { site: { onStale: 'stable' } }
    await stage.change({ services: stale })
    const { page } = await stage.open(`${stage.url('https')}/?stamp`)
    await stage.change({ versions: ['v2', 'v3'], stable: 'v2', services: stale })
    const before = stage.askedFor('/api/version')
    const versions = await page.evaluate<string[]>(`(async () => {
      const versions = []
      while (versions.length < 3) versions.push((await (await fetch('/api/version')).json()).version)
      return versions
    })()`)
    expect(versions).toEqual(['v2', 'v2', 'v2'])
    expect(stage.askedFor('/api/version')).toBe(before + 4)
  })
})

function calledAhead(page: Page, rel: 'preload' | 'prefetch', path: string): Promise<string> {
  return page.evaluate<string>(`(async () => {
    const link = Object.assign(document.createElement('link'), { rel: '${rel}', as: 'fetch', href: '${path}', crossOrigin: '' })
    await new Promise((done) => (Object.assign(link, { onload: done, onerror: done }), document.head.append(link)))
    return (await (await fetch('${path}')).json()).version
  })()`)
}
