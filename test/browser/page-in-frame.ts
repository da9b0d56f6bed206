// Pages in frames: put into another page, led on, and asked of which version they are.

import type { Frame, Page } from 'playwright-core'

export interface Attributes {
  readonly sandbox?: string
  readonly referrerPolicy?: string
  /** Without the cookies of its site. */
  readonly credentialless?: boolean
}

/** Puts a frame there, and waits until it has loaded. */
export async function embed(
  parent: Page | Frame,
  url: string,
  tag: 'iframe' | 'object' | 'embed' = 'iframe',
  attributes: Attributes = {},
): Promise<Frame> {
  const frames = (): Frame[] => ('mainFrame' in parent ? parent.mainFrame() : parent).childFrames()
  const before = new Set(frames())
  await parent.evaluate(`new Promise((done, failed) => {
    const frame = Object.assign(document.createElement('${tag}'), ${JSON.stringify(attributes)}, { onload: done, onerror: failed })
    if ('${tag}' !== 'iframe') frame.type = 'text/html'
    frame['${tag}' === 'object' ? 'data' : 'src'] = '${url}'
    document.body.append(frame)
  })`)
  return frames().find((frame) => !before.has(frame))!
}

/** A script in the frame goes on to that address. */
export async function lead(frame: Frame, url: string): Promise<Frame> {
  await Promise.all([frame.waitForURL(url), frame.evaluate(`void setTimeout(() => (location.href = '${url}'))`)])
  return frame
}

/** A form in the frame is posted there. */
export async function post(frame: Frame, url: string): Promise<Frame> {
  const posted = `document.forms[0].action = '${url}'; document.forms[0].submit()`
  await Promise.all([frame.waitForURL(url), frame.evaluate(`void setTimeout(() => { ${posted} })`)])
  return frame
}

/** Which version the frame's page, its script and its call come from, by content. */
export async function partsOfFrame(frame: Frame): Promise<readonly [page: string, app: string, call: string]> {
  await frame.waitForFunction(`document.readyState === 'complete'`)
  return frame.evaluate<[string, string, string]>(
    `fetch('/api/version').then((answer) => answer.json()).then(({ version }) => [pageVersion, appVersion, version])`,
  )
}
