// One visitor with a browser of its own: loads the page, follows the links it finds there, presses the button, keeps cookies.
// Sends what Chromium sends and knows nothing of versions: every path but the first comes out of an answer.

import { Client } from 'undici'
import type { Whose } from './whose.ts'

/** Who comes: where from, and with which cookies. */
export interface Guest {
  readonly label: string
  /** What a proxy in front of the edge would say of them; it is believed because it comes from loopback. */
  readonly forwardedFor: string
  readonly cookies: Readonly<Record<string, string>>
}

export const parts = [
  'page',
  'script',
  'style',
  'lazy chunk',
  'browser call',
  'server call',
  'server call by address',
] as const
export type Part = (typeof parts)[number]

/** One answer: what it says it is, and what it is. */
export interface Answer {
  readonly part: Part
  readonly status: number
  /** x-version as the edge wrote it. */
  readonly named: string | undefined
  /** For a server-side call: x-version as the internal listener wrote it. */
  readonly backendNamed: string | undefined
  /** The version whose content it is. */
  readonly content: string | undefined
  readonly body: string
}

export interface Visitor {
  readonly guest: Guest
  readonly answers: readonly Answer[]
  openPage(): Promise<void>
  loadAssets(): Promise<void>
  pressButton(): Promise<void>
  leave(): Promise<void>
}

type Fields = Record<string, string>

const asDocument: Fields = {
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
  'sec-fetch-site': 'none',
  'sec-fetch-user': '?1',
  'upgrade-insecure-requests': '1',
  accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
}
const asScript: Fields = {
  'sec-fetch-mode': 'cors',
  'sec-fetch-dest': 'script',
  'sec-fetch-site': 'same-origin',
  accept: '*/*',
}
const asStyle: Fields = { ...asScript, 'sec-fetch-dest': 'style', accept: 'text/css,*/*;q=0.1' }
const asCall: Fields = { ...asScript, 'sec-fetch-dest': 'empty' }

/** A visitor of the edge at that URL. Answers pile up in `answers`; a request that fails throws. */
export function arrive(edgeUrl: string, guest: Guest, whose: Whose): Visitor {
  const client = new Client(edgeUrl)
  const cookies = new Map(Object.entries(guest.cookies))
  const answers: Answer[] = []

  async function ask(part: Part, path: string, fields: Fields): Promise<string> {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers: Fields = { ...fields, 'x-forwarded-for': guest.forwardedFor, ...(cookie === '' ? {} : { cookie }) }
    const { statusCode, headers: got, body: stream } = await client.request({ method: 'GET', path, headers })
    const body = await stream.text()
    keepCookies(cookies, got['set-cookie'])
    answers.push({
      part,
      status: statusCode,
      named: single(got['x-version']),
      backendNamed: single(got['x-backend-version']),
      content: part.includes('call') ? whose.deviceList(body) : whose.file(body),
      body,
    })
    return body
  }

  let page = ''
  let script = ''
  return {
    guest,
    answers,
    async openPage() {
      page = await ask('page', '/', asDocument)
    },
    async loadAssets() {
      const [, scriptPath = '/no-script-in-the-page'] = /<script[^>]*? src="([^"]+)"/.exec(page) ?? []
      const [, stylePath = '/no-style-in-the-page'] = /<link rel="stylesheet"[^>]*? href="([^"]+)"/.exec(page) ?? []
      script = await ask('script', scriptPath, asScript)
      await ask('style', stylePath, asStyle)
    },
    async pressButton() {
      const [, chunk = 'no-chunk-in-the-script'] = /import\([`'"]\.\/([^`'"]+)[`'"]\)/.exec(script) ?? []
      await ask('lazy chunk', `/assets/${chunk}`, asScript)
      await ask('browser call', '/api/devices', asCall)
      await ask('server call', '/bff/devices', asCall)
      await ask('server call by address', '/bff/by-address/devices', asCall)
    },
    leave: () => client.close(),
  }
}

/** Enough of a cookie jar for one site: the last value of a name, gone when it is told to expire (RFC 6265 5.3). */
function keepCookies(jar: Map<string, string>, fields: string | string[] | undefined): void {
  for (const field of [fields ?? []].flat()) {
    const [pair = '', ...attributes] = field.split(';')
    const equals = pair.indexOf('=')
    const name = pair.slice(0, equals).trim()
    if (attributes.some((attribute) => attribute.trim().toLowerCase() === 'max-age=0')) jar.delete(name)
    else jar.set(name, pair.slice(equals + 1).trim())
  }
}

function single(field: string | string[] | undefined): string | undefined {
  return typeof field === 'string' ? field : undefined
}
