// graylane/page as the edge serves it: one script without comments, its settings filled in from the configuration, with a tag that
// caches can ask about. The same text for every version, since it only repeats what the page was told.

import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { PinSpec, ReleaseSpec } from '../rules/release.ts'
import type { EdgeAnswer, RequestHead } from './exchange.ts'

export interface PageScript {
  readonly path: string
  readonly whole: EdgeAnswer
  readonly notModified: EdgeAnswer
}

const source = readFileSync(new URL('../page/page.js', import.meta.url), 'utf8')

/** Undefined when the release does not serve it. */
export function compilePageScript({ pin, page }: ReleaseSpec): PageScript | undefined {
  if (page?.script === undefined) return undefined
  const body = scriptText(pin, page.origins)
  const fields = [
    // An hour: whoever changes pin.pageHeader keeps the old name among page.headers for so long.
    ['cache-control', 'public, max-age=3600'],
    ['etag', `"${hash('sha256', body, 'hex').slice(0, 16)}"`],
  ] as const
  return {
    path: page.script,
    whole: {
      status: 200,
      fields: [
        ['content-type', 'text/javascript; charset=utf-8'],
        ['x-content-type-options', 'nosniff'],
        ['cross-origin-resource-policy', 'same-site'],
        ...fields,
      ],
      body,
    },
    notModified: { status: 304, fields, body: '' },
  }
}

/** The answer to this request for the script; undefined for methods that no script is asked for with. */
export function pageScriptAnswer(script: PageScript, request: RequestHead): EdgeAnswer | undefined {
  if (request.method !== 'GET' && request.method !== 'HEAD') return undefined
  const tag = script.notModified.fields[1]![1]
  return request.get('if-none-match')?.includes(tag) === true ? script.notModified : script.whole
}

/** A classic script runs before all that follows it; in a function of its own it leaves nothing behind but `graylane`. */
function scriptText({ header, pageHeader }: PinSpec, origins: readonly string[]): string {
  const code = source
    .replaceAll(/^\s*(?:\/\/|\/\*\*).*\n/gm, '')
    .replaceAll(/\n\s*/g, '\n')
    .replace('export ', '')
    .replace("'x-page-version'", JSON.stringify(pageHeader))
    .replace("'x-version'", JSON.stringify(header))
    .replace('[globalThis.origin]', `[globalThis.origin, ...${JSON.stringify(origins)}]`)
  return `(()=>{${code.trim()}})()\n`
}
