// Two builds that share an ETag: v2 must not answer 304 to a page of v1.

import { get, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { expect, it } from 'vitest'
import { withSharedApp } from './shared-app.ts'

const page = { accept: 'text/html' }

it('a page is fetched anew when its version changed, and revalidated while it stays', async () => {
  await withSharedApp(
    (request, response) => {
      response.setHeader('etag', '"same"')
      if (request.headers['if-none-match'] === '"same"') response.statusCode = 304
      response.end()
    },
    async (edge) => {
      const first = await ask(edge, page)
      expect(first.statusCode).toBe(200)
      const cookie = first.headers['set-cookie']![0]!.split(';')[0]!
      const again = { ...page, cookie, 'if-none-match': first.headers.etag }
      expect((await ask(edge, again)).statusCode).toBe(304)
      const moved = await ask(edge, { ...again, 'x-user': 'jason' })
      expect([moved.statusCode, moved.headers['x-version']]).toEqual([200, 'v2'])
    },
  )
})

function ask(url: string, headers: OutgoingHttpHeaders): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { headers, agent: false }, (answer) => resolve(answer.resume())).on('error', reject)
  })
}
