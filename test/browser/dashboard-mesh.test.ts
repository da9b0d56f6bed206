// The dashboard of a gateway that runs Istio's manifests: they list no releases, so it draws what it sees.

import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

import { expect, it } from 'vitest'

import { ServingProcess } from '../cli/graylane-process.ts'
import { describeWithChromium, launchChromium } from './chromium.ts'

const patient = { timeout: 20_000, interval: 200 }
const examples = join(import.meta.dirname, '../../examples/istio')

/** The story's gateway, whose workloads are all this one server; one inner listener for calls of frontend v2. */
async function start(): Promise<AsyncDisposable & { readonly serving: ServingProcess }> {
  const server: Server = createServer((_, response) => response.end('ok'))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const places = ['frontend:80', 'frontend-v2:80', 'frontend-v3:80'].concat(
    ['v1', 'v2', 'v3'].map((version) => `mqtt-server-${version}:8000`),
  )
  const serving = await ServingProcess.start(examples, [
    '--port',
    '80=0',
    '--internal',
    '0=8000,app=frontend,version=v2',
    ...places.flatMap((place) => ['--resolve', `${place}=127.0.0.1:${port}`]),
  ])
  return {
    serving,
    async [Symbol.asyncDispose]() {
      await serving.kill()
      server.closeAllConnections()
      server.close()
    },
  }
}

async function visit({ listener }: ServingProcess, address: string): Promise<void> {
  const port = Number(listener.split(':').at(-1))
  const headers = { host: 'shop.example.com', 'x-forwarded-for': address }
  const [answer] = await once(request({ port, headers, agent: false }).end(), 'response')
  await once(answer.resume(), 'end')
}

describeWithChromium('the dashboard over manifests', () => {
  it('says that it has seen nothing yet, then draws the versions that answer', async () => {
    await using stage = await start()
    await using browser = await launchChromium()
    const page = await browser.newPage({ viewport: { width: 1360, height: 900 }, locale: 'en-GB' })
    const errors: string[] = []
    page.on('pageerror', (error) => errors.push(error.message))
    await page.goto(`http://${stage.serving.admin}/`)
    const graph = page.locator('#graph')
    await expect.poll(() => graph.innerText(), patient).toContain('No traffic in this window yet')
    expect(await page.getByLabel('Listener').locator('option').allInnerTexts()).toEqual([
      expect.stringMatching(/:\d+, edge$/),
      expect.stringMatching(/^127\.0\.0\.1:\d+, internal$/),
    ])
    for (const address of ['192.168.0.58', '192.168.0.59']) await visit(stage.serving, address)
    await expect
      .poll(
        () => page.locator('.version').evaluateAll((cards) => cards.map((card) => card.dataset['version'])),
        patient,
      )
      .toEqual(['v1', 'v2'])
    expect(await graph.locator('svg').getAttribute('aria-label')).toMatch(/v1 gets [\d.]+ a second, v2 gets/)
    // They are manifests: no verb edits them.
    expect(await page.locator('.version button').count()).toBe(0)
    expect(errors).toEqual([])
  })
})
