// graylane/page where there is no page: an app that is rendered on a server imports it there too.

import { expect, it } from 'vitest'

it('does nothing outside a browser, and can be imported twice', async () => {
  const { fetch } = globalThis
  const { page } = await import('graylane/page')
  expect(page.version).toBe(undefined)
  expect(globalThis.fetch).toBe(fetch)
  expect((await import('../../src/page/page.js')).page).toBe(page)
})
