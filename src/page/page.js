// graylane/page: lets every request of a page say which version the page is of, which a cookie cannot when two tabs differ (docs/pages.md).
// Once at the start: `import 'graylane/page'`, or a script tag for the path at which the edge serves it (without its comments).
// Plain JavaScript for every browser of the last three years; does nothing where no page came through graylane.

/** What is stamped, how, and to whom; an app with an API on another host adds its origin. */
export const page = (globalThis[Symbol.for('graylane/page')] ??= start({
  version: undefined,
  header: 'x-page-version',
  answered: 'x-version',
  // The location of a frame that a page writes itself has none.
  origins: [globalThis.origin],
}))

function start(own) {
  own.version = globalThis.document ? versionOfPage() : versionOfWorker(own.header)
  // Of another server, or rendered on a server: nothing to say.
  if (!own.version) return own
  const isOurs = (url) => /^(?:http|ws)/.test(url.protocol) && own.origins.includes(url.origin.replace(/^ws/, 'http'))
  const marked = (text) => {
    const url = absolute(text)
    // A worker that the page writes itself: such a URL takes no query.
    if (url.protocol === 'blob:') return `${url.href}#${own.header}=${own.version}`
    if (!isOurs(url)) return text
    // The answer to a form keeps the parameter in its URL.
    if (url.searchParams.has(own.header)) url.searchParams.delete(own.header)
    url.search += `${url.search ? '&' : '?'}${own.header}=${own.version}`
    return url.href
  }

  // The page's version is gone: the app may do what it likes with the event, or the next thing the user does loads the page anew.
  let told = false
  const stale = (said) => {
    if (!said?.reload || told) return
    if (!dispatchEvent(new CustomEvent('graylane:stale', { cancelable: true, detail: said }))) return
    told = true
    for (const type of ['click', 'keydown']) addEventListener(type, reload, { capture: true, once: true })
  }

  const stamped = (input, init) => {
    const url = input.url ?? input
    if (!isOurs(absolute(url))) return [input, init]
    // Without CORS browsers let no header through.
    if ((init?.mode ?? input.mode) === 'no-cors') input = input.url ? new Request(marked(url), input) : marked(url)
    const headers = new Headers(init?.headers ?? input.headers)
    headers.set(own.header, own.version)
    return [input, { ...init, headers }]
  }
  const { fetch, fetchLater } = globalThis
  if (fetchLater) globalThis.fetchLater = (input, init) => fetchLater(...stamped(input, init))
  // A link that preloads the answer says nothing of its page, and may have got another version's. Files that are kept may name the version
  // that was asked first. What is of another version at the second time too is meant to be.
  let strays = true
  const isStray = ({ headers }) =>
    ![null, own.version].includes(headers.get(own.answered)) && !/max-age|immutable/.test(headers.get('cache-control'))
  globalThis.fetch = async (input, init) => {
    let answer = await fetch(...stamped(input, init))
    if (strays && isStray(answer) && /^get$/i.test(init?.method ?? input.method ?? 'get')) {
      answer.body?.cancel().catch(() => {})
      answer = await fetch(...stamped(input, init))
      strays = !isStray(answer)
    }
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

  // These take no headers: the edge reads a parameter and takes it out again. Workers find it in their own URL, and two versions of a
  // shared one are two.
  for (const name of ['EventSource', 'WebSocket', 'WebSocketStream', 'Worker', 'SharedWorker']) {
    const Native = globalThis[name]
    if (!Native) continue
    globalThis[name] = class extends Native {
      constructor(url, ...rest) {
        // What the app's trusted types vouch for, they vouch for as it is.
        super(globalThis.trustedTypes?.isScriptURL(url) ? url : marked(url), ...rest)
      }
    }
  }
  if (!globalThis.document) return own
  const { sendBeacon } = navigator
  navigator.sendBeacon = (url, data) => sendBeacon.call(navigator, marked(url), data)

  // Forms that post. Their fields may hide their properties: <input name="action">.
  const mark = (form, button) => {
    const said = (name) => button?.getAttribute(`form${name}`) ?? form.getAttribute(name)
    if (!/^post$/i.test(said('method'))) return
    const [element, name] = button?.hasAttribute('formaction') ? [button, 'formaction'] : [form, 'action']
    element.setAttribute(name, marked(element.getAttribute(name) || location.href))
  }
  const onSubmit = (event) => event.defaultPrevented || mark(event.target, event.submitter)
  addEventListener('submit', onSubmit)
  // The event of a form in a shadow tree does not leave it.
  const { attachShadow } = Element.prototype
  Element.prototype.attachShadow = function (init) {
    const root = attachShadow.call(this, init)
    root.addEventListener('submit', onSubmit)
    return root
  }
  const { submit } = HTMLFormElement.prototype
  HTMLFormElement.prototype.submit = function () {
    mark(this)
    submit.call(this)
  }
  return own
}

/** A frame is of the version of the page around it, which has to be loaded anew with it; unless that is a page of another origin. */
function reload() {
  try {
    top.location.reload()
  } catch {
    location.reload()
  }
}

function versionOfPage() {
  const [{ name = location.href, serverTiming = [] } = {}] = performance.getEntriesByType('navigation')
  return serverTiming.filter((said) => said.name === 'graylane').pop()?.description ?? versionAround(name)
}

/** A frame or window that a page writes itself is a part of that page, whose address it may take (`document.write`). */
function versionAround(loaded) {
  try {
    const writer = parent === globalThis ? opener : parent
    return /^(?:about|blob):/.test(loaded) ? writer?.[Symbol.for('graylane/page')]?.version : undefined
  } catch {
    return undefined
  }
}

/** What the page has put into the URL of its worker. */
function versionOfWorker(header) {
  const { search, hash } = globalThis.location ?? {}
  return new URLSearchParams(search || hash?.slice(1)).get(header) ?? undefined
}

function absolute(url) {
  return new URL(url, globalThis.document?.baseURI ?? location.href)
}

function isProblem(status, type) {
  return status === 409 && /problem\+json/.test(type)
}
