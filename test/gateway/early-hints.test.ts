// What a browser loads early it asks for with the pin it has, which is not yet that of the page to come.

import { request, type OutgoingHttpHeaders } from 'node:http'
import { expect, it } from 'vitest'
import { withSharedApp } from './shared-app.ts'

const hint = '</app.js>; rel=preload; as=script'
const page = { accept: 'text/html' }

it('a hint to load something early reaches those who hold the pin of its version, and nobody else', async () => {
  await withSharedApp(
    (_request, response) => response.writeEarlyHints({ link: hint }, () => response.end()),
    async (edge) => {
      const first = await ask(edge, page)
      const pinned = { ...page, cookie: first.cookie! }
      expect(first.hints).toEqual([undefined])
      expect((await ask(edge, pinned)).hints).toEqual([hint])
      expect((await ask(edge, { ...pinned, 'x-user': 'jason' })).hints).toEqual([undefined])
      expect((await ask(edge, { ...pinned, accept: '*/*', 'x-user': 'jason' })).hints).toEqual([hint])
      // A form that another site posts comes without the pin, and is answered by a page all the same.
      expect((await ask(edge, page, 'POST')).hints).toEqual([undefined])
    },
  )
})

/** The links of the interim answers, and the pin. */
function ask(
  url: string,
  headers: OutgoingHttpHeaders,
  method = 'GET',
): Promise<{ hints: unknown[]; cookie: string | undefined }> {
  return new Promise((resolve, reject) => {
    const hints: unknown[] = []
    const sent = request(url, { method, headers, agent: false }, (answer) => {
      resolve({ hints, cookie: answer.resume().headers['set-cookie']?.[0]?.split(';')[0] })
    })
    sent.on('information', (interim) => hints.push(interim.headers['link']))
    sent.on('error', reject)
    sent.end()
  })
}
