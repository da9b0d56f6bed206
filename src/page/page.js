// graylane/page: lets every request of a page say which version the page is of, which a cookie cannot when two tabs differ (docs/pages.md).
// Once at the start: `import 'graylane/page'`, or a script tag for the path at which the edge serves it (without its comments).
// Plain JavaScript for every browser of the last three years; does nothing where no page came through graylane.

/** What is stamped, how, and to whom; an app with an API on another host adds its origin. */
export const page = (globalThis[Symbol.for('graylane/page')] ??= start({
  version: performance
    .getEntriesByType('navigation')[0]
    ?.serverTiming?.filter((entry) => entry.name === 'graylane')
    .pop()?.description,
  header: 'x-page-version',
  origins: [globalThis.location?.origin],
}))

function start(own) {
  // Of another server, in a worker, or rendered on a server: nothing to say.
  if (!own.version) return own
  const isOurs = (url) => own.origins.includes(url.origin.replace(/^ws/, 'http'))
  const marked = (text) => {
    const url = absolute(text)
    if (isOurs(url)) url.search += `${url.search ? '&' : '?'}${own.header}=${own.version}`
    return url.href
  }

  // The page's version is gone: the app may do what it likes with the event, or the next thing the user does loads the page anew.
  let told = false
  const stale = (said) => {
    if (!said?.reload || told) return
    if (!dispatchEvent(new CustomEvent('graylane:stale', { cancelable: true, detail: said }))) return
    told = true
    for (const type of ['click', 'keydown'])
      addEventListener(type, () => location.reload(), { capture: true, once: true })
  }

  const { fetch } = globalThis
  globalThis.fetch = async (input, init) => {
    if (isOurs(absolute(input.url ?? input))) {
      const headers = new Headers(init?.headers ?? input.headers)
      headers.set(own.header, own.version)
      init = { ...init, headers }
    }
    const answer = await fetch(input, init)
    if (isProblem(answer.status, answer.headers.get('content-type')))
      answer
        .clone()
        .json()
        .then(stale, () => {})
    return answer
  }

  const { open } = XMLHttpRequest.prototype
  XMLHttpRequest.prototype.open = function (method, url, ...rest) {
    open.call(this, method, url, ...rest)
    if (!isOurs(absolute(url))) return
    this.setRequestHeader(own.header, own.version)
    this.addEventListener('load', () => {
      if (!isProblem(this.status, this.getResponseHeader('content-type'))) return
      const { response } = this
      stale(typeof response === 'string' ? JSON.parse(response) : response)
    })
  }

  // These take no headers: the edge reads a parameter and takes it out again.
  for (const name of ['EventSource', 'WebSocket']) {
    const Native = globalThis[name]
    globalThis[name] = class extends Native {
      constructor(url, ...rest) {
        super(marked(url), ...rest)
      }
    }
  }
  const { sendBeacon } = navigator
  navigator.sendBeacon = (url, data) => sendBeacon.call(navigator, marked(url), data)
  return own
}

function absolute(url) {
  return new URL(url, document.baseURI)
}

function isProblem(status, type) {
  return status === 409 && /problem\+json/.test(type)
}
