// What an old tab starts or sends by other means than a call of its scripts: workers, forms, calls without CORS.

import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { describeWithPages, openIn, partsOf, whole } from './page-stage.ts'
import type { Asked } from './versioned-site.ts'

const promoted = { stable: 'v2', draining: ['v1'] }

describeWithPages('workers and forms', (stage) => {
  describe.each(['https', 'http'] as const)('over %s', (scheme) => {
    it('with the stamp, the workers of each tab are of its version, shared ones too', async () => {
      const old = await stage.open(`${stage.url(scheme)}/?stamp`)
      expect(await sharedWorkerOf(old.page)).toBe('v1')
      await stage.change(promoted)
      const fresh = await openIn(await old.page.context().newPage(), `${stage.url(scheme)}/?stamp`)
      expect(await sharedWorkerOf(fresh.page)).toBe('v2')
      expect(await sharedWorkerOf(old.page)).toBe('v1')
      expect(await workerOf(fresh.page)).toEqual({ script: 'v2', call: 'v2' })
      expect(await workerOf(old.page)).toEqual({ script: 'v1', call: 'v1' })
      expect([...old.errors, ...fresh.errors]).toEqual([])
    })

    it('without it, they are of the newest page, and a shared one is of the first that started it', async () => {
      const old = await stage.open(stage.url(scheme))
      expect(await sharedWorkerOf(old.page)).toBe('v1')
      await stage.change(promoted)
      const fresh = await openIn(await old.page.context().newPage(), stage.url(scheme))
      expect(await sharedWorkerOf(fresh.page)).toBe('v1')
      expect(await workerOf(old.page)).toEqual({ script: 'v2', call: 'v2' })
    })

    /** Of v1, while another tab has brought the browser v2. */
    const oldTab = async (): Promise<Page> => {
      const { page } = await stage.open(`${stage.url(scheme)}/?stamp`)
      await stage.change(promoted)
      await openIn(await page.context().newPage(), `${stage.url(scheme)}/?stamp`)
      return page
    }

    it.each([
      ['a button', `document.querySelector('#post').click()`],
      [
        'a button with an address of its own',
        `Object.assign(document.querySelector('#post'), { formAction: '/form?a=1' }).click()`,
      ],
      ['a script', `document.forms[0].submit()`],
      [
        'a script, with a field that hides the address',
        `document.forms[0].innerHTML = '<input name="action">'; document.forms[0].submit()`,
      ],
    ])('with the stamp, a form that %s sends goes to the version of its page', async (_, send) => {
      const old = await stage.open(`${stage.url(scheme)}/?stamp`)
      await stage.change(promoted)
      await openIn(await old.page.context().newPage(), `${stage.url(scheme)}/?stamp`)
      const before = stage.sites.get('v1')!.asked.length
      await old.page.evaluate(send)
      await old.page.waitForURL('**/form?*')
      expect(await old.page.title()).toBe('v1')
      const [{ method, url }] = stage.sites.get('v1')!.asked.slice(before) as [Asked]
      expect([method, url]).toEqual(['POST', url.includes('a=1') ? '/form?a=1' : '/form'])
      expect(old.errors).toEqual([])
    })

    it.each([
      ['with the script', '/form?stamp'],
      ['without it', '/form'],
    ])('the page that answers such a form, %s, is whole', async (_, action) => {
      const old = await oldTab()
      await old.evaluate(`document.forms[0].action = '${action}'`)
      await old.locator('#post').click()
      await old.waitForURL('**/form?*')
      expect(await partsOf(old)).toEqual(whole('v1'))
    })

    it('with the stamp, a form in a shadow tree, whose events stay there, goes to the version of its page, too', async () => {
      const old = await oldTab()
      const before = stage.sites.get('v1')!.asked.length
      await old.evaluate(`{
        const root = document.body.appendChild(document.createElement('div')).attachShadow({ mode: 'closed' })
        root.append(document.forms[0])
        root.querySelector('button').click()
      }`)
      await old.waitForURL('**/form?*')
      expect(
        stage.sites
          .get('v1')!
          .asked.slice(before)
          .map(({ method }) => method),
      ).toContain('POST')
    })

    it('with the stamp, a frame that the page writes itself calls as the page, if it has the script', async () => {
      const old = await oldTab()
      const called = await old.evaluate(`new Promise((done) => {
        addEventListener('message', ({ data }) => done(data))
        const call = "fetch('/api/version').then((answer) => answer.json()).then(({ version }) => parent.postMessage(version))"
        const srcdoc = '<script src="/.graylane/page.js"></' + 'script><script>' + call + '</' + 'script>'
        document.body.append(Object.assign(document.createElement('iframe'), { srcdoc }))
      })`)
      expect(called).toBe('v1')
    })

    it.each([
      ['a window', `open('about:blank').document.write(html)`],
      ['a frame of nothing', `document.body.appendChild(document.createElement('iframe')).contentDocument.write(html)`],
      ['a window of a blob', `open(URL.createObjectURL(new Blob([html], { type: 'text/html' })))`],
      [
        'a frame of a blob',
        `document.body.append(Object.assign(document.createElement('iframe'), {
          src: URL.createObjectURL(new Blob([html], { type: 'text/html' })),
        }))`,
      ],
    ])('with the stamp, %s that the page writes itself calls as the page, if it has the script', async (_, write) => {
      const old = await oldTab()
      const called = await old.evaluate(`new Promise((done) => {
        addEventListener('message', ({ data }) => done(data))
        const call = "fetch('" + origin + "/api/version').then((answer) => answer.json())" +
          ".then(({ version }) => (opener ?? parent).postMessage(version))"
        const html = '<script src="' + origin + '/.graylane/page.js"></' + 'script><script>' + call + '</' + 'script>'
        ${write}
      })`)
      expect(called).toBe('v1')
    })

    it('with the stamp, a worker that the page writes itself calls as the page, if it has the script', async () => {
      const old = await oldTab()
      const called = await old.evaluate(`new Promise((done) => {
        const code = \`importScripts('\${origin}/.graylane/page.js')
          fetch('\${origin}/api/version').then((answer) => answer.json()).then(({ version }) => postMessage(version))\`
        new Worker(URL.createObjectURL(new Blob([code]))).onmessage = ({ data }) => done(data)
      })`)
      expect(called).toBe('v1')
    })

    it.runIf(scheme === 'https')('with the stamp, a call that the browser makes later says its version', async () => {
      const old = await oldTab()
      if (!(await old.evaluate(`'fetchLater' in globalThis`))) return
      const before = stage.sites.get('v1')!.asked.length
      await old.evaluate(`fetchLater('/api/version?later', { method: 'POST', activateAfter: 0 })`)
      await expect
        .poll(() =>
          stage.sites
            .get('v1')!
            .asked.slice(before)
            .map(({ url }) => url),
        )
        .toContain('/api/version?later')
    })

    it.runIf(scheme === 'https')('with the stamp, a socket that is read as a stream says its version', async () => {
      const old = await oldTab()
      if (!(await old.evaluate(`'WebSocketStream' in globalThis`))) return
      const called = await old.evaluate(`(async () => {
        const socket = new WebSocketStream(location.origin.replace('http', 'ws') + '/socket')
        const { value } = await (await socket.opened).readable.getReader().read()
        socket.close()
        return value
      })()`)
      expect(called).toBe('v1')
    })

    it.each([
      [
        'an event stream',
        `new Promise((done) => {
          const source = new EventSource('/away?to=/events')
          source.onmessage = ({ data }) => (source.close(), done(data))
          source.onerror = () => done('error')
        })`,
      ],
      [
        'a worker, and its calls',
        `new Promise((done) => {
          new Worker('/away?to=/worker.js').onmessage = ({ data: [script, call] }) => done(script === call ? call : 'mixed')
        })`,
      ],
      [
        'a call without CORS',
        `fetch('/away?to=/api/version', { mode: 'no-cors' }).then((answer) => answer.json()).then(({ version }) => version)`,
      ],
      [
        'a form that is to be posted again',
        `new Promise((done) => {
          const frame = document.createElement('iframe')
          frame.name = 'answer'
          frame.onload = () => frame.contentDocument.title && done(frame.contentDocument.title)
          document.body.append(frame)
          Object.assign(document.forms[0], { target: 'answer', action: '/away?status=307&to=/form' }).submit()
        })`,
      ],
    ])('with the stamp, %s that the app sends on by a redirect stays of the version of its page', async (_, ask) => {
      const old = await oldTab()
      expect(await old.evaluate(ask)).toBe('v1')
    })

    it('a form that the app takes into its own hands is left alone, as is one that asks for a page', async () => {
      const { page } = await stage.open(`${stage.url(scheme)}/?stamp`)
      await page.evaluate(`document.forms[0].addEventListener('submit', (event) => event.preventDefault())`)
      await page.locator('#post').click()
      expect(await page.evaluate(`document.forms[0].getAttribute('action')`)).toBe('/form')
      await page.evaluate(`document.forms[0].method = 'get'; document.forms[0].submit()`)
      await page.waitForURL('**/form?')
    })

    it('with the stamp, a call without CORS says its version, too', async () => {
      const old = await stage.open(`${stage.url(scheme)}/?stamp`)
      await stage.change(promoted)
      await openIn(await old.page.context().newPage(), `${stage.url(scheme)}/?stamp`)
      const call = (request: string): Promise<string> =>
        old.page.evaluate<string>(
          `fetch(${request}, { mode: 'no-cors' }).then((answer) => answer.json()).then(({ version }) => version)`,
        )
      expect(await call(`'/api/version'`)).toBe('v1')
      expect(await call(`new Request('/api/version')`)).toBe('v1')
    })
  })
})

/** Of which version a worker is that the page starts, and who answers its calls. */
function workerOf(page: Page): Promise<object> {
  return page.evaluate<object>(`new Promise((done) => {
    new Worker('/worker.js').onmessage = ({ data: [script, call] }) => done({ script, call })
  })`)
}

function sharedWorkerOf(page: Page): Promise<string> {
  return page.evaluate<string>(`new Promise((done) => {
    new SharedWorker('/shared.js').port.onmessage = ({ data }) => done(data)
  })`)
}
